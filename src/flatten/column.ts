// One field of many rows as a typed array that grows: a million rows of twenty fields in a hundred megabytes, where
// objects would take five times that.

type Numbers = Int32Array | Uint32Array | Uint16Array | Uint8Array | Float64Array;

const FIRST_ROWS = 1024;

/** A column of numbers; rows that were never set are 0. */
export class Column {
  #values: Numbers;

  /** `sample` decides the kind of number, for example `new Int32Array(0)`. */
  constructor(sample: Numbers) {
    this.#values = sample;
  }

  get(row: number): number {
    return this.#values[row] ?? 0;
  }

  set(row: number, value: number): void {
    if (row >= this.#values.length) this.#grow(row);
    this.#values[row] = value;
  }

  #grow(row: number): void {
    const make = this.#values.constructor as new (length: number) => Numbers;
    const larger = new make(Math.max(FIRST_ROWS, row + 1, this.#values.length * 2));
    larger.set(this.#values);
    this.#values = larger;
  }
}
