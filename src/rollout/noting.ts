// Warnings of a run, for its report.
import type { Context } from '../core/context.ts';

/** A context whose warnings are kept for the report. */
export function noting(ctx: Context): { readonly inside: Context; readonly notes: string[] } {
  const notes: string[] = [];
  const inside: Context = {
    ...ctx,
    report(event) {
      if (event.type === 'note' && event.level === 'warn') {
        const { host, slot } = event.scope;
        const place = [host, slot].filter((part) => part !== undefined).join(' ');
        notes.push(place === '' ? event.message : `${place}: ${event.message}`);
      }
      ctx.report(event);
    },
  };
  return { inside, notes };
}
