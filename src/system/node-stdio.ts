// Standard streams of the real process.
import { isatty } from 'node:tty';
import { ShipperError } from '../core/errors.ts';
import type { Stdio } from './system.ts';

/** The process's own stdin, stdout and stderr; none is touched before it is used. */
export function nodeStdio(): Stdio {
  const guarded = new Set<NodeJS.WriteStream>();
  /** A stream whose `error` event has a listener: what cannot be written is told to the one who wrote it. */
  const guard = (stream: NodeJS.WriteStream): NodeJS.WriteStream => {
    if (!guarded.has(stream)) stream.on('error', () => undefined);
    guarded.add(stream);
    return stream;
  };
  return {
    stdin: () => ({ [Symbol.asyncIterator]: () => chunksOf(process.stdin) }),
    writeOut: (bytes) => writeTo(guard(process.stdout), bytes),
    writeErr: (text) => {
      guard(process.stderr).write(text);
    },
    stdinIsTTY: isatty(0),
    stdoutIsTTY: isatty(1),
    stderrIsTTY: isatty(2),
    columns: () => process.stderr.columns ?? 80,
  };
}

/** Whoever stops reading lets go of the stream, also while a chunk is awaited: it would keep the process from ending. */
function chunksOf(stream: NodeJS.ReadStream): AsyncIterator<Uint8Array> {
  const chunks = stream[Symbol.asyncIterator]();
  return {
    next: () => chunks.next(),
    async return() {
      stream.destroy();
      return { done: true, value: undefined };
    },
  };
}

function writeTo(stream: NodeJS.WriteStream, bytes: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => {
      if (!error) resolve();
      else {
        const message = `Cannot write to stdout: ${error.message}`;
        reject(new ShipperError('IO', message, { cause: error }));
      }
    });
  });
}
