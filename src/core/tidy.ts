// Words of other programs, made fit to stand in a message of ours.

/** One line of at most 500 characters without control characters and final dot. */
export function tidy(text: string): string {
  const line = text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
    .replace(/\.+$/, '');
  return line.length > 500 ? `${line.slice(0, 500)}…` : line;
}
