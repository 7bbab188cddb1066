// The build keys of an image → the definition that `docker buildx bake -f -` reads (buildx, docs/bake-reference.md).
import type { BuildChoice, BuildSecret, BuildSsh, Ulimit } from '../../config/types.ts';

/** The one target of a definition: names of images may have characters that names of targets may not. */
export const TARGET = 'image';

/** What a definition says beside the keys of the image. */
export interface BakeWish {
  /** As buildx takes it: `type=docker`, `type=oci,dest=…`. */
  readonly output: string;
  /** Names of the result; none for an archive. */
  readonly tags: readonly string[];
  /** Named contexts of parents, over those of the image. */
  readonly contexts: Readonly<Record<string, string>>;
  readonly noCache: boolean;
  readonly pull: boolean;
}

/** The definition, as JSON. Attestations are made where the image asks for them: they change with each build. */
export function bakeDefinition(build: BuildChoice, wish: BakeWish): string {
  const target = literal(given(targetOf(build, wish)));
  return `${JSON.stringify({ target: { [TARGET]: target } }, undefined, 2)}\n`;
}

function targetOf(build: BuildChoice, wish: BakeWish): Readonly<Record<string, unknown>> {
  return {
    context: build.context,
    contexts: { ...build.additionalContexts, ...wish.contexts },
    dockerfile: build.dockerfileInline === undefined ? build.dockerfile : undefined,
    'dockerfile-inline': build.dockerfileInline,
    target: build.target,
    args: build.args,
    labels: build.labels,
    annotations: build.annotations,
    secret: build.secrets.map(secretOf),
    ssh: build.ssh.map(sshOf),
    'cache-from': build.cacheFrom,
    'cache-to': build.cacheTo,
    platforms: build.platforms,
    network: build.network,
    'extra-hosts': pairsOf(build.extraHosts),
    'shm-size': build.shmSizeBytes === undefined ? undefined : String(build.shmSizeBytes),
    ulimits: build.ulimits.map(ulimitOf),
    entitlements: build.entitlements,
    'no-cache': wish.noCache || undefined,
    'no-cache-filter': build.noCacheFilter,
    pull: wish.pull || undefined,
    attest: [attestOf('provenance', build.provenance), attestOf('sbom', build.sbom)],
    tags: wish.tags,
    output: [wish.output],
  };
}

/** Fields of a value such as `type=oci,dest=/a,b` in the CSV that buildx reads. */
export function csv(fields: readonly string[]): string {
  return fields
    .map((field) => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field))
    .join(',');
}

function secretOf({ id, file, variable }: BuildSecret): string {
  return csv([`id=${id}`, file === undefined ? `env=${variable ?? id}` : `src=${file}`]);
}

function sshOf({ id, paths }: BuildSsh): string {
  return paths.length === 0 ? id : `${id}=${paths.join(',')}`;
}

function ulimitOf({ name, soft, hard }: Ulimit): string {
  return `${name}=${soft}:${hard}`;
}

function attestOf(kind: string, words: string | undefined): string {
  if (words === undefined || words === 'false') return `type=${kind},disabled=true`;
  return words === 'true' ? `type=${kind}` : `type=${kind},${words}`;
}

/** `name=value` lines as an object. */
function pairsOf(lines: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

/** Without what is undefined or empty. */
function given(all: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => !isEmpty(value)));
}

function isEmpty(value: unknown): boolean {
  if (value === undefined) return true;
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/** Texts and keys in JSON are templates to bake: what would be put in is written so that it stays. */
function literal(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/[$%]\{/g, (mark) => `${mark[0]}${mark}`);
  if (Array.isArray(value)) return value.map(literal);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [literal(key), literal(each)]),
  );
}
