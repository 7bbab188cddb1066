// Makes one image of a run: what is remembered is not made again; else it is built or found, and flattened.
import type { ProjectImage } from '../config/types.ts';
import { type Context, throwIfAborted } from '../core/context.ts';
import type { Digest } from '../core/digest.ts';
import type { Builder, BuildResult, ParentForm } from './build/builder.ts';
import { buildInputs } from './build-inputs.ts';
import { contentKey } from './content-key.ts';
import type { ContextDigests } from './context-digest.ts';
import { type Content, flattenInto, passInto, type StepTools } from './flatten-step.ts';
import type { Selected } from './graph.ts';
import type { Memory } from './memory.ts';
import type { Remembered } from './memory-file.ts';
import { findOrigin, type Origin } from './origin.ts';
import type { Gates } from './schedule.ts';
import type { ShipRequest } from './ship-types.ts';
import type { Track } from './track.ts';

/** An image that is made, or known to be as it was. */
export interface Form {
  /** What is known of it before it is wanted. */
  readonly facts: Remembered;
  /** What it is remembered by. */
  readonly keys: readonly string[];
  readonly isRemembered: boolean;
  /** The image itself; one that is remembered and lies nowhere is made then. */
  content(): Promise<Content>;
}

/** What an image is made with. */
export interface MakerTools extends StepTools {
  readonly request: ShipRequest;
  readonly contexts: ContextDigests;
  readonly gates: Gates;
  readonly memory: Memory;
  readonly version: string;
  /** The private folder of the run. */
  readonly folder: string;
  builder(): Promise<Builder>;
  /** Resolves once no registry of the run refuses a push; asked before anything is made. */
  checkPush(): Promise<void>;
  /** Where an image that is remembered lies; undefined where it lies nowhere any more. */
  find(ctx: Context, selected: Selected, remembered: Remembered): Promise<string | undefined>;
  /** What an image will be published as. */
  referenceOf(image: string): string;
  /** Disposed when the run ends. */
  keep(resource: AsyncDisposable): void;
}

/** What identifies an image before it is made. */
interface Identity {
  readonly origin: Origin | undefined;
  /** Absent where nothing can be told before the build. */
  readonly key: string | undefined;
  /** Digest of a base that is kept and that is no image of the project. */
  readonly base: Origin | undefined;
}

/** The folder of an image in that of its run. Names of included files may hold what a path gives a meaning to. */
export function imageFolder(folder: string, image: string): string {
  return `${folder}/${encodeURIComponent(image)}`;
}

/** Makes one image. */
export class ImageMaker {
  readonly #tools: MakerTools;
  readonly #selected: Selected;
  readonly #image: ProjectImage;
  readonly #track: Track;

  constructor(tools: MakerTools, selected: Selected, track: Track) {
    this.#tools = tools;
    this.#selected = selected;
    this.#image = selected.image;
    this.#track = track;
  }

  /** `forms` are those of the images that it needs. */
  async make(ctx: Context, forms: ReadonlyMap<string, Form>): Promise<Form> {
    const { identity, known } = await this.#tools.gates.look(async () => {
      throwIfAborted(ctx);
      const found = await this.#identify(ctx, digestsOf(forms));
      return { identity: found, known: await this.#recall(ctx, found.key) };
    });
    if (known !== undefined) {
      this.#track.cache.build = this.#image.source.kind === 'build';
      this.#track.cache.flatten = this.#image.flatten !== undefined;
      return this.#rememberedForm(known, identity, () => this.#produce(ctx, forms, identity));
    }
    return this.#produce(ctx, forms, identity);
  }

  #rememberedForm({ facts, source }: Known, { key }: Identity, produce: () => Promise<Form>): Form {
    this.#track.facts = facts;
    let content: Promise<Content> | undefined;
    const make = async () => (await produce()).content();
    return {
      facts,
      keys: key === undefined ? [] : [key],
      isRemembered: true,
      content() {
        content ??= source === undefined ? make() : Promise.resolve({ source, facts });
        return content;
      },
    };
  }

  async #identify(ctx: Context, parents: ReadonlyMap<string, string>): Promise<Identity> {
    const { source, flatten } = this.#image;
    const { transports } = this.#tools;
    const keepBase = flatten?.keepBase;
    const base =
      keepBase?.kind === 'image'
        ? await findOrigin(ctx, transports, keepBase.reference)
        : undefined;
    if (source.kind === 'image') {
      const origin = await findOrigin(ctx, transports, source.reference);
      return { origin, base, key: this.#keyOf(origin.digest, parents, base) };
    }
    const inputs = await buildInputs(this.#tools, ctx, this.#image, source.build);
    const key = inputs === undefined ? undefined : this.#keyOf(inputs, parents, base);
    return { origin: undefined, base, key };
  }

  #keyOf(origin: string, parents: ReadonlyMap<string, string>, base: Origin | undefined): string {
    const { version, system } = this.#tools;
    return contentKey({
      shipper: version,
      origin,
      flatten: this.#image.flatten,
      base: base?.digest,
      parents,
      epoch: system.env['SOURCE_DATE_EPOCH'],
    });
  }

  /** What is remembered under `key`, if it can be had: what is only needed need not lie anywhere. */
  async #recall(ctx: Context, key: string | undefined): Promise<Known | undefined> {
    const { request, memory, find } = this.#tools;
    if (request.force || key === undefined) return undefined;
    const facts = memory.find(this.#image.name, key);
    if (facts === undefined) return undefined;
    const source = await find(ctx, this.#selected, facts);
    return source === undefined && this.#selected.isWanted ? undefined : { facts, source };
  }

  async #produce(
    ctx: Context,
    forms: ReadonlyMap<string, Form>,
    identity: Identity,
  ): Promise<Form> {
    await this.#tools.checkPush();
    // Before the own turn comes: a parent that is made now needs turns too.
    const parents = await contentsOf(forms);
    if (identity.origin !== undefined) {
      const { source } = identity.origin;
      const keys = identity.key === undefined ? [] : [identity.key];
      return this.#formOf(await this.#flatten(ctx, source, parents, identity), keys);
    }
    const built = await this.#build(ctx, parents);
    const digest =
      built.digest ?? (await findOrigin(ctx, this.#tools.transports, built.source)).digest;
    const key = this.#keyOf(digest, factDigests(parents), identity.base);
    const keys = [key, ...(identity.key === undefined ? [] : [identity.key])];
    const known = await this.#recall(ctx, key);
    if (known?.source !== undefined) {
      await built[Symbol.asyncDispose]();
      this.#track.cache.flatten = this.#image.flatten !== undefined;
      this.#track.facts = known.facts;
      const content = { source: known.source, facts: known.facts };
      return { facts: known.facts, keys, isRemembered: true, content: async () => content };
    }
    const content = await this.#flatten(ctx, built.source, parents, identity);
    if (content.source === built.source) this.#tools.keep(built);
    else await this.#release(built);
    return this.#formOf(content, keys);
  }

  #formOf(content: Content, keys: readonly string[]): Form {
    this.#track.facts = content.facts;
    return { facts: content.facts, keys, isRemembered: false, content: async () => content };
  }

  async #build(ctx: Context, parents: ReadonlyMap<string, Content>): Promise<BuildResult> {
    const { gates, request } = this.#tools;
    return this.#track.run(ctx, 'build', gates.build, async (own) => {
      const builder = await this.#tools.builder();
      const folder = await this.#folder('build');
      return builder.build(own, {
        image: this.#image,
        parents: [...parents].map(([name, content]) => this.#parentForm(name, content)),
        folder,
        log: (line) => own.report({ type: 'log', line, scope: own.scope }),
        ...(request.noCache === undefined ? {} : { noCache: request.noCache }),
        ...(request.pull === undefined ? {} : { pull: request.pull }),
      });
    });
  }

  #parentForm(image: string, { source, facts }: Content): ParentForm {
    const reference = this.#tools.referenceOf(image);
    return { image, source, digest: facts.digest as Digest, reference };
  }

  async #flatten(
    ctx: Context,
    source: string,
    parents: ReadonlyMap<string, Content>,
    { base }: Identity,
  ): Promise<Content> {
    const { flatten } = this.#image;
    const { gates } = this.#tools;
    if (flatten === undefined) {
      const turn = this.#image.source.kind === 'image' ? gates.push : gates.flatten;
      return turn(async () => passInto(this.#tools, ctx, await this.#folder('image'), source));
    }
    const { keepBase } = flatten;
    const kept = keepBase?.kind === 'need' ? parents.get(keepBase.image)?.source : base?.source;
    return this.#track.run(ctx, 'flatten', gates.flatten, async (own) =>
      flattenInto(this.#tools, own, await this.#folder('image'), source, flatten, kept),
    );
  }

  /** What a build left is not needed any more once it is flattened: disks are small. */
  async #release(built: BuildResult): Promise<void> {
    await built[Symbol.asyncDispose]();
    await this.#tools.system.files.remove(`${this.#ownFolder()}/build`);
  }

  async #folder(name: string): Promise<string> {
    const path = `${this.#ownFolder()}/${name}`;
    await this.#tools.system.files.makeDirectory(path, 0o700);
    return path;
  }

  #ownFolder(): string {
    return imageFolder(this.#tools.folder, this.#image.name);
  }
}

/** What is remembered, and where it lies. */
interface Known {
  readonly facts: Remembered;
  readonly source: string | undefined;
}

function digestsOf(forms: ReadonlyMap<string, Form>): ReadonlyMap<string, string> {
  return new Map([...forms].map(([name, { facts }]) => [name, facts.digest]));
}

function factDigests(contents: ReadonlyMap<string, Content>): ReadonlyMap<string, string> {
  return new Map([...contents].map(([name, { facts }]) => [name, facts.digest]));
}

async function contentsOf(forms: ReadonlyMap<string, Form>): Promise<ReadonlyMap<string, Content>> {
  const contents = [...forms].map(async ([name, form]) => [name, await form.content()] as const);
  return new Map(await Promise.all(contents));
}
