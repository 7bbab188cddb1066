// Rows of numbers in pages of one typed array each: a million rows of eight fields in 32 MB, where objects would take
// five times that, and growing never copies. All fields of a table have one kind of number, so that every access
// compiles to the same few instructions.

const PAGE_BITS = 14;
const PAGE_ROWS = 1 << PAGE_BITS;
const ROW_MASK = PAGE_ROWS - 1;

/** Rows of 32-bit fields; what was never set is 0. */
export class IntTable {
  readonly #fields: number;
  readonly #pages: Int32Array[] = [];

  constructor(fields: number) {
    this.#fields = fields;
  }

  /** Signed. */
  get(row: number, field: number): number {
    const page = this.#pages[row >>> PAGE_BITS];
    return page?.[(row & ROW_MASK) * this.#fields + field] ?? 0;
  }

  /** The same bits as an unsigned number. */
  getUnsigned(row: number, field: number): number {
    return this.get(row, field) >>> 0;
  }

  set(row: number, field: number, value: number): void {
    const page = this.#pages[row >>> PAGE_BITS] ?? this.#addPage(row);
    page[(row & ROW_MASK) * this.#fields + field] = value;
  }

  #addPage(row: number): Int32Array {
    const page = new Int32Array(PAGE_ROWS * this.#fields);
    this.#pages[row >>> PAGE_BITS] = page;
    return page;
  }
}

/** Rows of fields that hold every integer up to 2^53; what was never set is 0. */
export class WideTable {
  readonly #fields: number;
  readonly #pages: Float64Array[] = [];

  constructor(fields: number) {
    this.#fields = fields;
  }

  get(row: number, field: number): number {
    const page = this.#pages[row >>> PAGE_BITS];
    return page?.[(row & ROW_MASK) * this.#fields + field] ?? 0;
  }

  set(row: number, field: number, value: number): void {
    const page = this.#pages[row >>> PAGE_BITS] ?? this.#addPage(row);
    page[(row & ROW_MASK) * this.#fields + field] = value;
  }

  #addPage(row: number): Float64Array {
    const page = new Float64Array(PAGE_ROWS * this.#fields);
    this.#pages[row >>> PAGE_BITS] = page;
    return page;
  }
}
