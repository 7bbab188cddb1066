// What nobody caught: one line, whatever goes wrong, for example where not even the files of the program can be opened.

/** Ends the process in one line for what nobody caught, and leaves nothing behind. */
export function endOnUncaught(argv: () => readonly string[]): void {
  const end = (error: unknown): void => {
    const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
    const hint = /\bE[MN]FILE\b/.test(message)
      ? 'raise the limit of open files: ulimit -n 1024'
      : (placeOfUser(stack) ??
        'this is a mistake in shipper: run it again with --debug and report what it prints');
    const line = message.replace(/\s+/g, ' ').slice(0, 500);
    const more = argv().includes('--debug') ? `${stack}\n` : '';
    process.stderr.write(`shipper: Cannot go on: ${line}\n  hint: ${hint}\n${more}`);
    process.exit(1);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}

/** A hint for what a task threw where nobody waited for it. */
function placeOfUser(stack: string): string | undefined {
  const [, place = ''] = /^\s+at .*?((?:file:\/\/)?\/[^\s()]+:\d+:\d+)\)?$/m.exec(stack) ?? [];
  const own = import.meta.url.slice('file://'.length).replace(/\/(?:src|dist)\/.*$/, '/');
  const path = place.replace(/^file:\/\//, '');
  if (path === '' || path.startsWith(own) || path.includes('/node_modules/')) return undefined;
  return `nobody waited for what failed at ${path}`;
}
