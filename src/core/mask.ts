// Secrets, kept out of what is shown.

/** What is shorter is no secret, and hiding it would leave no word readable. */
const LEAST_CHARACTERS = 3;

/** Puts `***` for secrets. */
export type Mask = (text: string) => string;

/** Hides `values` and the lines that they are made of, longer ones first. */
export function masking(values: readonly string[]): Mask {
  const parts = values
    .flatMap((value) => [value, ...value.split(/\r?\n/)])
    .map((part) => part.trim())
    .filter((part) => part.length >= LEAST_CHARACTERS);
  const longest = [...new Set(parts)].sort((a, b) => b.length - a.length);
  return (text) => longest.reduce((kept, part) => kept.replaceAll(part, '***'), text);
}
