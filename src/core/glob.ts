// Names by pattern, as a shell has them.

/** What `pattern` means: `*` any text, `?` one character, all else itself. Matches whole names. */
export function globOf(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's');
}
