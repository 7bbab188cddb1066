// The journal of an environment on one host: an image without content whose label says it, so that it is replaced by one
// call and read by one, and outlives pruned containers and volumes (decision 28).
import { type Context, note } from '../core/context.ts';
import { messageOf, ShipperError } from '../core/errors.ts';
import type { Engine, EngineImage } from '../engine/engine.ts';
import { formatJournal, JOURNAL_SCHEMA, parseJournal } from './journal-text.ts';
import { LABELS } from './labels.ts';
import type { DeployScope, Journal } from './release.ts';
import { shortName } from './short-name.ts';
import { loadTinyImage, tinyIds } from './tiny-image.ts';

/** The label that has the journal. */
export const JOURNAL_LABEL = 'shipper.journal';

/** The name of the image that has the journal of an environment. */
export function journalImage({ project, environment }: DeployScope): string {
  return `shipper.local/journal/${shortName(project)}/${shortName(environment)}:latest`;
}

/** What a host remembers of an environment; undefined where that is nothing. `CONFLICT` where it cannot be used. */
export async function readJournal(
  ctx: Context,
  engine: Engine,
  scope: DeployScope,
): Promise<Journal | undefined> {
  const name = journalImage(scope);
  const image = await engine.inspectImage(ctx, name);
  if (image === undefined) return undefined;
  const text = imageLabels(image)[JOURNAL_LABEL];
  const parsed =
    text === undefined
      ? ({ kind: 'broken', state: 'its image does not have it' } as const)
      : parseJournal(text, scope);
  if (parsed.kind === 'journal') return parsed.journal;
  const host = ctx.scope.host ?? (await engine.facts(ctx)).endpoint;
  const what = `the journal of ${scope.project}/${scope.environment} on ${host}`;
  if (parsed.kind === 'newer') {
    const state = `it is of schema ${parsed.schema}, and this version of shipper knows up to ${JOURNAL_SCHEMA}`;
    const hint = 'Use the version of shipper that wrote it, or a newer one.';
    throw new ShipperError('CONFLICT', `Cannot use ${what}: ${state}`, { host, image: name, hint });
  }
  const hint = `Remove it there by \`docker image rm ${name}\`: what other hosts remember is written again, and what runs is known by its labels.`;
  throw new ShipperError('CONFLICT', `Cannot use ${what}: ${parsed.state}`, {
    ...{ host, image: name, hint },
  });
}

/** Replaces what a host remembers. May be repeated; the one before stays until the new one is there. */
export async function writeJournal(
  ctx: Context,
  engine: Engine,
  scope: DeployScope,
  journal: Journal,
): Promise<void> {
  const name = journalImage(scope);
  const text = formatJournal(journal);
  if (text === undefined) {
    const hint = 'Take large values out of the environment and labels of its services.';
    throw new ShipperError(
      'LIMIT_EXCEEDED',
      `Cannot write the journal of ${scope.project}/${scope.environment}: the releases that it must have are too large for an image label`,
      { hint },
    );
  }
  const labels = {
    [JOURNAL_LABEL]: text,
    [LABELS.project]: scope.project,
    [LABELS.environment]: scope.environment,
  };
  const spec = { name, labels };
  const before = await engine.inspectImage(ctx, name);
  if (before !== undefined && (await tinyIds(ctx, engine, spec)).includes(before.id)) return;
  await loadTinyImage(ctx, engine, spec);
  if (before !== undefined) await removeBefore(ctx, engine, before);
}

/** What was replaced has no name any more. It is in nobody's way, so that it is no failure when it stays. */
async function removeBefore(ctx: Context, engine: Engine, before: EngineImage): Promise<void> {
  // By its id the engine would take away another name that somebody gave it.
  if (before.tags.length > 1) return;
  try {
    await engine.removeImage(ctx, before.id, { keepParents: true });
  } catch (error) {
    note(ctx, 'info', `The journal's former image is left: ${messageOf(error)}`);
  }
}

/** The labels of an image, as its inspection has them. */
export function imageLabels(image: EngineImage): Readonly<Record<string, string>> {
  const config = image.raw['Config'] as { readonly Labels?: unknown } | null | undefined;
  const labels = config?.Labels;
  if (typeof labels !== 'object' || labels === null) return {};
  return Object.fromEntries(
    Object.entries(labels).filter((entry): entry is [string, string] => {
      return typeof entry[1] === 'string';
    }),
  );
}
