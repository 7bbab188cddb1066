// Names of functions and parameters as words of a command line.

/** `buildAll`, `build_all`, `HTTPCheck` → `build-all`, `build-all`, `http-check`. */
export function wordOf(name: string): string {
  return name
    .replace(/([a-z\d])([A-Z])/g, '$1-$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1-$2')
    .replace(/[_$]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .toLowerCase();
}

/** The word, and the name as it is written where that is another. */
export function wordsOf(name: string): readonly string[] {
  const word = wordOf(name);
  return word === name ? [word] : [word, name];
}

/** What stands for a value in a usage text: the last part of its name, `logLevel` → `LEVEL`. */
export function placeholderOf(name: string): string {
  return (wordOf(name).split('-').at(-1) ?? name).toUpperCase();
}
