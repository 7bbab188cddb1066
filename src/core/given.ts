// Objects without what is not there: an optional property is absent, never undefined.

/** `T` with its optional values absent instead of undefined. */
export type Given<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** `values` without what is undefined. */
export function given<T extends object>(values: T): Given<T> {
  // The type says what the filter does, which the compiler cannot see.
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as Given<T>;
}
