// A project of three images (one goes as it is, one is built and flattened, one is flattened) on a real engine, with a real registry behind a passage that can fail: what a run left there, and
// that the next one ends it.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import type { ShipReport } from '../../../src/pipeline/ship-types.ts';
import type { RunningEngine } from './engines.ts';
import { startRegistry } from './registry.ts';
import { type RegistryPassage, startPassage } from './registry-passage.ts';
import { tryRun } from './run.ts';
import { CLI, imageNames, type ShipperResult, shipper } from './shipper.ts';

/** Its images, in the order in which `--jobs 1` makes them. */
export const NAMES = ['api', 'web', 'db'] as const;

/** One at a time, so that each moment of a run is the same in every run. */
export const CALL: readonly string[] = ['ship', '--json', '--jobs', '1'];

/** A place to ship from again and again. */
export interface FaultyShip extends AsyncDisposable {
  readonly passage: RegistryPassage;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Another content of what is built, to be published in repositories of its own. */
  anew(): void;
  write(name: string, text: string): void;
  yaml(): string;
  run(env?: Readonly<Record<string, string>>, ...more: readonly string[]): Promise<ShipperResult>;
  /** With a TMPDIR of so many MiB; what it leaves there is `leftovers`. */
  runOnDisk(mebibytes: number): Promise<ShipperResult>;
  /** Of which images the registry has the tag. */
  tagged(): Promise<string[]>;
  /** Runs without any fault: everything is published, and nothing temporary is left in `tmpdir` and in the engine. */
  finishes(tmpdir?: string): Promise<ShipReport>;
}

/** Makes one. The engine has `busybox:base`. */
export async function faultyShip(engine: RunningEngine): Promise<FaultyShip> {
  const registry = await startRegistry();
  const passage = await startPassage(registry);
  const folder = mkdtempSync(join(engine.directory, 'faults-'));
  const env = { XDG_STATE_HOME: join(folder, '.state') };
  let version = 0;
  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  const place: FaultyShip = {
    passage,
    folder,
    env,
    write,
    yaml: () => readFileSync(join(folder, 'shipper.yaml'), 'utf8'),
    anew() {
      version += 1;
      write(
        'shipper.yaml',
        `project: shop
registry: ${passage.address}/shop${version}
images:
  api: { image: "busybox:base", flatten: false }
  web: { context: ./web }
  db: { image: "busybox:base" }
`,
      );
      write('web/Dockerfile', 'FROM busybox:base\nCOPY text /web\n');
      write('web/text', `web ${version}\n`);
    },
    run: (own = {}, ...words) =>
      shipper(engine, [...CALL, '--progress=quiet', '-C', folder, ...words], {
        env: { ...env, ...own },
        timeoutMs: 120_000,
      }),
    async runOnDisk(mebibytes) {
      const tmpdir = join(folder, 'small');
      mkdirSync(tmpdir, { recursive: true });
      const script = `mount -t tmpfs -o size=${mebibytes}m tmpfs "$0"; "$@"; code=$?; ls -A "$0" > "$0.left"; exit $code`;
      const words = [...CALL, '--progress=quiet', '-C', folder, '--host', engine.host];
      const result = await tryRun(
        'unshare',
        ['-m', 'sh', '-c', script, tmpdir, process.execPath, CLI, ...words],
        { env: { ...engine.env, DOCKER_HOST: undefined, TMPDIR: tmpdir, ...env } },
      );
      const left = readFileSync(`${tmpdir}.left`, 'utf8');
      return { ...result, leftovers: left.split('\n').filter(Boolean) };
    },
    async tagged() {
      const found = NAMES.map(async (name) => {
        const url = `${registry.url}/v2/shop${version}/${name}/tags/list`;
        const { tags } = (await (await fetch(url)).json()) as { tags?: readonly string[] | null };
        return tags?.includes('latest') === true ? [name] : [];
      });
      return (await Promise.all(found)).flat();
    },
    async finishes(tmpdir) {
      passage.fault = undefined;
      passage.onCall = undefined;
      const again = await place.run(tmpdir === undefined ? {} : { TMPDIR: tmpdir });
      expect(again, again.stderr).toMatchObject({ status: 0, leftovers: [] });
      expect(await place.tagged()).toEqual(NAMES);
      expect(tmpdir === undefined ? [] : readdirSync(tmpdir)).toEqual([]);
      const names = await imageNames(engine);
      expect(names.filter((name) => name.startsWith('shipper-tmp'))).toEqual([]);
      expect((await tryRun('pgrep', ['-f', `metadata-file=${tmpdir ?? folder}`])).stdout).toBe('');
      return JSON.parse(again.stdout) as ShipReport;
    },
    async [Symbol.asyncDispose]() {
      rmSync(folder, { recursive: true, force: true });
      await passage[Symbol.asyncDispose]();
      await registry.stop();
    },
  };
  return place;
}
