// How events reach a person: one renderer per run, chosen by `--progress`.
import type { Report, Scope, ShipperEvent } from '../core/events.ts';
import { safe } from './text.ts';

/** Shows events as they come. */
export interface Renderer {
  readonly report: Report;
  /** Clears what was drawn for the moment and gives the terminal back. May be called twice; nothing is drawn after. */
  stop(): void;
}

/** Shows nothing. */
export const SILENT: Renderer = { report: () => {}, stop: () => {} };

/** `renderer`, silenced for good once it throws: a failure to draw must not stop the work. */
export function sturdy(renderer: Renderer): Renderer {
  let broken = false;
  const guard = (draw: () => void) => {
    if (broken) return;
    try {
      draw();
    } catch {
      // Nobody is left to tell: the renderer is the one that tells.
      broken = true;
    }
  };
  return {
    report: (event: ShipperEvent) => guard(() => renderer.report(event)),
    stop: () => guard(() => renderer.stop()),
  };
}

/** Where an event comes from, for the start of a line: `[s1 api.3] `; empty where one platform of one image is worked on in one place. */
export function scopeLabel(scope: Scope): string {
  const image = scope.group === undefined ? undefined : scope.image;
  const parts = [scope.group, image, scope.platform, scope.host, scope.slot];
  const shown = parts.filter((part) => part !== undefined).map(safe);
  return shown.length === 0 ? '' : `[${shown.join(' ')}] `;
}
