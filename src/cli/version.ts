/** The version of package.json; a test compares them. Alone in its file so that `--version` loads nothing else. */
export const VERSION = '0.1.0';
