// `shipper init`: a shipper.yaml for the working directory, from the Dockerfiles, Compose and bake files that are there.
import { basename, join } from 'node:path';
import { isShipperError, ShipperError } from '../core/errors.ts';
import type { System } from '../system/system.ts';
import { circles } from './check-names.ts';
import { CONFIG_NAMES } from './discover.ts';
import { Problems } from './problems.ts';
import { CONFIG_BYTES, readTree } from './read-file.ts';
import { text } from './reading.ts';
import { projectName } from './resolve.ts';
import { configText, type Findings, type FoundImage } from './scaffold.ts';
import { child, entriesOf, textOf } from './tree.ts';

/** What was written. JSON-able. */
export interface InitReport {
  /** Absolute. */
  readonly file: string;
  /** Images that it declares. */
  readonly images: readonly string[];
  /** Files that it includes. */
  readonly included: readonly string[];
}

/** Writes `shipper.yaml` in the working directory; `OUTPUT_CONFLICT` where there is a configuration already. */
export async function writeConfig(system: System): Promise<InitReport> {
  for (const name of CONFIG_NAMES) {
    const path = join(system.cwd, name);
    if ((await system.files.lstat(path)) === undefined) continue;
    throw new ShipperError(
      'OUTPUT_CONFLICT',
      `Cannot write ${CONFIG_NAMES[0]}: there is a ${name} already`,
      {
        path,
        hint: 'edit it, or remove it first',
      },
    );
  }
  const findings = await lookAround(system);
  const file = join(system.cwd, CONFIG_NAMES[0]);
  const bytes = new TextEncoder().encode(configText(findings));
  const written = await system.files.create(file, 0o666);
  try {
    await written.write(bytes, 0);
  } catch (error) {
    await system.files.remove(file);
    throw error;
  } finally {
    await written.close();
  }
  const images = findings.images.map(({ name }) => name);
  return { file, images, included: findings.included };
}

async function lookAround(system: System): Promise<Findings> {
  const names = [...(await system.files.list(system.cwd))].sort();
  const project = projectName(basename(system.cwd));
  const compose = await composeFile(system, names);
  const bake = names.find((name) => /^docker-bake\.(?:json|hcl)$/.test(name));
  const included = compose?.name ?? bake;
  const found = await dockerfiles(system, names, project);
  const taken = compose?.contexts ?? new Set<string>();
  const images = found.filter(({ context }) => !taken.has(join(system.cwd, context)));
  const [head, remote] = [
    await git(system, 'rev-parse', '--verify', 'HEAD'),
    await git(system, 'remote', 'get-url', 'origin'),
  ];
  return {
    project,
    registry: remote === undefined ? undefined : registryOf(remote),
    hasCommits: head !== undefined,
    images: await withNeeds(system, images),
    included: included === undefined ? [] : [included],
  };
}

const COMPOSE = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'];

/** The Compose file that builds something, with the folders that it builds. */
async function composeFile(
  system: System,
  names: readonly string[],
): Promise<{ name: string; contexts: ReadonlySet<string> } | undefined> {
  const name = COMPOSE.find((each) => names.includes(each));
  if (name === undefined) return undefined;
  const tree = await readTree(system, join(system.cwd, name), new Problems()).catch(
    () => undefined,
  );
  const builds = entriesOf(child(tree, 'services')).flatMap(([, { value }]) => {
    const build = child(value, 'build');
    return build === undefined ? [] : [textOf(build) ?? text(build, 'context') ?? '.'];
  });
  if (builds.length === 0) return undefined;
  return { name, contexts: new Set(builds.map((context) => join(system.cwd, context))) };
}

/** `Dockerfile`, `Dockerfile.worker` and `worker.Dockerfile` here, and `Dockerfile` of the folders in here. */
async function dockerfiles(
  system: System,
  names: readonly string[],
  project: string,
): Promise<readonly FoundImage[]> {
  const found: FoundImage[] = [];
  const add = (words: string, context: string, dockerfile: string | undefined) => {
    const name = imageName(words);
    if (name === undefined || found.some((each) => each.name === name)) return;
    found.push({ name, context, dockerfile, needs: [] });
  };
  for (const name of names) {
    const [, after, before] = /^(?:Dockerfile(?:\.(.+))?|(.+)\.Dockerfile)$/.exec(name) ?? [];
    const isFile = (await system.files.stat(join(system.cwd, name)))?.kind;
    if (isFile === 'file' && /^Dockerfile\.dockerignore$|\.dockerignore$/.test(name)) continue;
    if (isFile === 'file' && name === 'Dockerfile') add(project, '.', undefined);
    else if (isFile === 'file' && (after ?? before) !== undefined)
      add(after ?? before ?? '', '.', name);
    else if (isFile === 'directory' && !/^(?:\.|node_modules$)/.test(name)) {
      const inside = await system.files.stat(join(system.cwd, name, 'Dockerfile'));
      if (inside?.kind === 'file') add(name, `./${name}`, undefined);
    }
  }
  return found;
}

/** `words` as a name of an image, where anything is left of it. */
function imageName(words: string): string | undefined {
  const name = words
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63);
  return name === '' ? undefined : name;
}

/** An image whose Dockerfile begins from the name of another one needs it; who needs each other is left to the author. */
async function withNeeds(
  system: System,
  images: readonly FoundImage[],
): Promise<readonly FoundImage[]> {
  const names = images.map(({ name }) => name);
  const needs = new Map<string, readonly string[]>();
  for (const { name, context, dockerfile = 'Dockerfile' } of images) {
    const froms = await fromNames(system, join(system.cwd, context, dockerfile));
    needs.set(
      name,
      names.filter((other) => other !== name && froms.has(other)),
    );
  }
  const looped = new Set(circles(needs).flat());
  return images.map((image) => ({
    ...image,
    needs: looped.has(image.name) ? [] : (needs.get(image.name) ?? []),
  }));
}

/** What the stages of a Dockerfile begin from, without its own stages. */
async function fromNames(system: System, path: string): Promise<ReadonlySet<string>> {
  const bytes = await system.files.read(path, CONFIG_BYTES).catch((error: unknown) => {
    if (isShipperError(error, 'INTERRUPTED')) throw error;
    return new Uint8Array();
  });
  const froms = new Set<string>();
  const stages = new Set<string>();
  const lines = new TextDecoder().decode(bytes);
  for (const [, name = '', stage] of lines.matchAll(
    /^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*(\S+)(?:[ \t]+AS[ \t]+(\S+))?[ \t\r]*$/gim,
  )) {
    if (!stages.has(name)) froms.add(name);
    if (stage !== undefined) stages.add(stage);
  }
  return froms;
}

const GIT_MS = 10_000;

/** What git says; undefined where it says nothing, or is not there. */
async function git(system: System, ...args: readonly string[]): Promise<string | undefined> {
  try {
    const ran = await system.run('git', ['-C', system.cwd, ...args], { timeoutMs: GIT_MS });
    return ran.code === 0 && ran.stdout.trim() !== '' ? ran.stdout.trim() : undefined;
  } catch (error) {
    if (isShipperError(error, 'INTERRUPTED')) throw error;
    return undefined;
  }
}

/** Registries of hosts of git that have one for each repository. */
const REGISTRIES: Readonly<Record<string, string>> = {
  'github.com': 'ghcr.io',
  'gitlab.com': 'registry.gitlab.com',
};

/** `ghcr.io/owner/name` of `git@github.com:owner/name.git`. */
function registryOf(remote: string): string | undefined {
  const [, host = '', path] =
    /^(?:[a-z+]+:\/\/)?(?:[^@/]+@)?([^/:]+)(?::\d+)?[:/](.+?)(?:\.git)?\/?$/.exec(remote) ?? [];
  const registry = Object.hasOwn(REGISTRIES, host) ? REGISTRIES[host] : undefined;
  if (registry === undefined || path === undefined) return undefined;
  const name = path.toLowerCase();
  return /^[a-z0-9]+(?:[._/-][a-z0-9]+)*$/.test(name) ? `${registry}/${name}` : undefined;
}
