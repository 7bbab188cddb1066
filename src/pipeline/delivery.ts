// Brings made images where they belong: into registries by digest, into the engine under temporary names. Knows of each
// image what became of it, for the tags that move last and for the report.
import { type Context, note } from '../core/context.ts';
import { messageOf } from '../core/errors.ts';
import { type HoldTools, holdInEngine, loadContent } from './engine-load.ts';
import type { Selected } from './graph.ts';
import type { Form, MakerTools } from './image-maker.ts';
import type { Remembered } from './memory-file.ts';
import { orUndefined } from './or-undefined.ts';
import { type Home, homesOf, type PlannedTag } from './places.ts';
import { pushContent } from './push.ts';
import type { Track } from './track.ts';

/** An image that is where it belongs, all but its names. */
export interface Delivered {
  readonly digest: string;
  /** The image id, where it is in an engine. */
  readonly engineId?: string;
  readonly isRemembered: boolean;
}

/** Where `remembered` lies: in which of its repositories, and whether in the engine. */
export interface Whereabouts {
  readonly homes: readonly Home[];
  readonly engineId: string | undefined;
}

/** Asks registries and the engine whether they still have what is remembered. One that will not say has not: that is found out when it is needed. */
export async function findRemembered(
  tools: HoldTools,
  ctx: Context,
  tags: readonly PlannedTag[],
  { digest, engineId }: Remembered,
): Promise<Whereabouts> {
  const homes = homesOf(tags).map(async (home) => {
    const registry = await tools.transports.registry();
    const found = await orUndefined(registry.resolve(ctx, home.repository, digest));
    return found === undefined ? [] : [home];
  });
  const wantsEngine = tags.some(({ place }) => place === 'engine');
  const inEngine = async () => {
    if (!wantsEngine || engineId === undefined) return undefined;
    return orUndefined(holdInEngine(tools, ctx, engineId));
  };
  const [there, id] = await Promise.all([Promise.all(homes), inEngine()]);
  return { homes: there.flat(), engineId: id };
}

/** Brings an image where `tags` say. What is there already is not sent. */
export async function deliver(
  tools: MakerTools,
  ctx: Context,
  { image }: Selected,
  tags: readonly PlannedTag[],
  form: Form,
  track: Track,
): Promise<Delivered> {
  const { facts, isRemembered } = form;
  const none = { homes: [], engineId: undefined };
  const known = isRemembered ? await findRemembered(tools, ctx, tags, facts) : none;
  const missing = homesOf(tags).filter(({ name }) => !known.homes.some((has) => has.name === name));
  const wantsEngine = tags.some(({ place }) => place === 'engine');
  let { engineId } = known;
  if (missing.length > 0 || (wantsEngine && engineId === undefined)) {
    const content = await form.content();
    await track.run(ctx, 'push', tools.gates.push, async (own) => {
      const pushed = await pushContent(tools, own, content, missing);
      track.cache.blobsPushed += pushed.blobs;
      track.cache.bytesPushed += pushed.bytes;
      if (wantsEngine && engineId === undefined) {
        const loaded = await loadContent(tools, own, content);
        tools.keep(loaded);
        engineId = loaded.id;
      }
    });
  }
  const id = engineId === undefined ? {} : { engineId };
  await remember(tools, ctx, image.name, form, { ...facts, ...id });
  return { digest: facts.digest, ...id, isRemembered };
}

/** What cannot be remembered is done again, which is no failure. */
async function remember(
  { memory }: MakerTools,
  ctx: Context,
  image: string,
  { keys, isRemembered, facts }: Form,
  what: Remembered,
): Promise<void> {
  if (keys.length === 0 || (isRemembered && facts.engineId === what.engineId)) return;
  try {
    await memory.remember(image, keys, what);
  } catch (error) {
    note(ctx, 'warn', `What was made is not remembered: ${messageOf(error)}`);
  }
}

/** `registry.example.com/shop/api@sha256:…` for each repository of `tags`. */
export function pinnedNames(tags: readonly PlannedTag[], digest: string): readonly string[] {
  return homesOf(tags).map(({ name }) => `${name}@${digest}`);
}
