// Rows of numbers in one typed array that grows: a million rows of eight fields in 32 MB, where objects would take five
// times that. All fields of a table have one kind of number, so that every access compiles to the same few instructions.

const FIRST_ROWS = 1024;

/** Rows of 32-bit fields; what was never set is 0. */
export class IntTable {
  readonly #fields: number;
  #values: Int32Array;

  constructor(fields: number) {
    this.#fields = fields;
    this.#values = new Int32Array(FIRST_ROWS * fields);
  }

  /** Signed. */
  get(row: number, field: number): number {
    return this.#values[row * this.#fields + field] ?? 0;
  }

  /** The same bits as an unsigned number. */
  getUnsigned(row: number, field: number): number {
    return this.get(row, field) >>> 0;
  }

  set(row: number, field: number, value: number): void {
    const at = row * this.#fields + field;
    if (at >= this.#values.length) this.#grow(row);
    this.#values[at] = value;
  }

  #grow(row: number): void {
    const rows = Math.max(row + 1, (this.#values.length / this.#fields) * 2);
    const larger = new Int32Array(rows * this.#fields);
    larger.set(this.#values);
    this.#values = larger;
  }
}

/** Rows of fields that hold every integer up to 2^53; what was never set is 0. */
export class WideTable {
  readonly #fields: number;
  #values: Float64Array;

  constructor(fields: number) {
    this.#fields = fields;
    this.#values = new Float64Array(FIRST_ROWS * fields);
  }

  get(row: number, field: number): number {
    return this.#values[row * this.#fields + field] ?? 0;
  }

  set(row: number, field: number, value: number): void {
    const at = row * this.#fields + field;
    if (at >= this.#values.length) this.#grow(row);
    this.#values[at] = value;
  }

  #grow(row: number): void {
    const rows = Math.max(row + 1, (this.#values.length / this.#fields) * 2);
    const larger = new Float64Array(rows * this.#fields);
    larger.set(this.#values);
    this.#values = larger;
  }
}
