// A workplace with a fake registry: waits between tries take no time, nobody is logged in, no engine answers. The whole
// program can be run in it, for exit codes and for what people read.
import { main } from '../../src/cli/main.ts';
import type { System } from '../../src/system/system.ts';
import { TestClock } from '../registry/client-support.ts';
import {
  type FakeRegistry,
  type FakeRegistryOptions,
  startFakeRegistry,
} from '../support/registry-server.ts';
import type { FakeRepository } from '../support/registry-store.ts';
import { type Workplace, workplace } from './workplace.ts';

/** What a run of the program left. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A folder and a registry. */
export interface RegistryPlace extends AsyncDisposable {
  readonly place: Workplace;
  readonly fake: FakeRegistry;
  /** `docker://ADDRESS/REST`. */
  at(rest: string): string;
  repository(path: string): FakeRepository;
  /** Runs `shipper ARGV…`. */
  run(...argv: readonly string[]): Promise<Ran>;
  /** Runs what must fail: one line and hints on stderr, nothing left behind, no new or moved tag. */
  failing(...argv: readonly string[]): Promise<Ran & { readonly line: string }>;
}

/** Options of {@link registryPlace}. */
export interface RegistryPlaceOptions extends FakeRegistryOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly system?: Partial<System>;
}

/** Longer than any wait between tries, shorter than any limit of patience. */
const SKIPPED_MS = 20_000;

/** Makes one; dispose it. */
export async function registryPlace(options: RegistryPlaceOptions = {}): Promise<RegistryPlace> {
  const { env = {}, system = {}, ...registryOptions } = options;
  const fake = await startFakeRegistry(registryOptions);
  const place = workplace({
    clock: new TestClock(SKIPPED_MS),
    env,
    homedir: '/nowhere',
    ...system,
  });
  const planted = new Set<string>();
  const run: RegistryPlace['run'] = (...argv) => runProgram(place.system, argv);
  return {
    place,
    fake,
    at: (rest) => `docker://${fake.address}/${rest}`,
    repository(path) {
      planted.add(path);
      return fake.repository(path);
    },
    run,
    async failing(...argv) {
      const tags = tagsOf(fake, planted);
      const ran = await run(...argv);
      if (ran.code === 0) throw new Error(`it did not fail: ${ran.out}${ran.err}`);
      if (place.leftovers().length > 0) throw new Error(`it left ${place.leftovers().join(', ')}`);
      if (tagsOf(fake, planted) !== tags)
        throw new Error(`tags were ${tags} and are ${tagsOf(fake, planted)}`);
      return { ...ran, line: onlyLine(ran.err) };
    },
    async [Symbol.asyncDispose]() {
      await fake.stop();
      place[Symbol.dispose]();
    },
  };
}

/** The one line that says what went wrong. */
function onlyLine(err: string): string {
  const lines = err.trimEnd().split('\n');
  const told = lines.filter((line) => line.startsWith('shipper: '));
  const more = lines.filter((line) => !/^(?:shipper: | {2}hint: )/.test(line));
  if (told.length !== 1 || more.length > 0) throw new Error(`not one line and hints: ${err}`);
  return told[0] ?? '';
}

/** All tags that were planted or pushed, with what they name. */
function tagsOf(fake: FakeRegistry, planted: ReadonlySet<string>): string {
  const pushed = fake.requests.flatMap(
    ({ url }) => /^\/v2\/(.+?)\/(?:manifests|blobs)\//.exec(url)?.[1] ?? [],
  );
  const lines = [...new Set([...planted, ...pushed])].flatMap((path) =>
    [...fake.repository(path).tags].map(([tag, digest]) => `${path}:${tag}=${digest}`),
  );
  return lines.sort().join(' ');
}

async function runProgram(system: System, argv: readonly string[]): Promise<Ran> {
  const text = { out: '', err: '' };
  const stdio: System['stdio'] = {
    async *stdin() {
      yield new Uint8Array();
    },
    async writeOut(bytes) {
      text.out += typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('latin1');
    },
    writeErr: (more) => {
      text.err += more;
    },
    stdinIsTTY: true,
    stdoutIsTTY: false,
    stderrIsTTY: false,
    columns: () => 100,
  };
  const code = await main([...argv, '--progress=quiet'], { ...system, stdio });
  return { code, out: text.out, err: text.err };
}
