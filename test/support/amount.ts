// How often a test repeats what it does.

/** `usual` in `npm test`; `all` where SHIPPER_TESTS is `all`, as in the step of CI that runs each such file once more. */
export function amount(usual: number, all: number): number {
  return isAll() ? all : usual;
}

/** Whether every repetition is wanted. */
export function isAll(): boolean {
  return process.env['SHIPPER_TESTS'] === 'all';
}
