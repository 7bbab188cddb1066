// Events as NDJSON, one per line, for programs (`--progress json`).
import type { Renderer } from './renderer.ts';

/** A renderer that writes every event as one line of JSON. Control characters are escaped by JSON itself. */
export function jsonRenderer(write: (text: string) => void): Renderer {
  let stopped = false;
  return {
    report(event) {
      if (!stopped) write(`${JSON.stringify(event)}\n`);
    },
    stop() {
      stopped = true;
    },
  };
}
