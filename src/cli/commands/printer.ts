// Prints texts that come while others work, one after the other.

/** Writes texts in their order, for callers that do not wait. */
export class Printer {
  readonly #write: (text: string) => Promise<void>;
  #last: Promise<void> = Promise.resolve();

  constructor(write: (text: string) => Promise<void>) {
    this.#write = write;
  }

  print(text: string): void {
    if (text === '') return;
    this.#last = this.#last.then(() => this.#write(text));
    // Told by `done`.
    this.#last.catch(() => undefined);
  }

  /** Rejects where a text could not be written. */
  done(): Promise<void> {
    return this.#last;
  }
}
