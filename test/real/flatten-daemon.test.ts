// Engine to engine with the real command line: what a flat image must share with its source, on every engine and by
// every oracle for what it can see (issue 2, "Real engines").
import { beforeAll, describe, expect, it } from 'vitest';
import type { FlattenReport } from '../../src/operations/flatten-types.ts';
import { loadLayers, oddLayers } from './support/archives.ts';
import { ENGINE_KINDS, type RunningEngine } from './support/engines.ts';
import { recipeImage } from './support/images.ts';
import { exportTree, overlayTree } from './support/oracles.ts';
import { sharedEngine } from './support/shared.ts';
import {
  differences,
  flatten,
  imageList,
  imageNames,
  inspect,
  shipper,
} from './support/shipper.ts';

const SOURCE = 'recipe:1';
const FLAT = 'recipe:1-flat';

// What says where an image came from, which names it has and how it is stored. Everything else must be equal.
const OWN_FIELDS = [
  ...['Id', 'RepoTags', 'RepoDigests', 'Parent', 'Size', 'VirtualSize', 'GraphDriver', 'RootFS'],
  ...['Metadata', 'Descriptor'],
];

describe.each(ENGINE_KINDS)('shipper flatten on Docker Engine %s', (kind) => {
  let engine: RunningEngine;
  let report: FlattenReport;
  let sourceId: unknown;
  let listBefore: string[];

  beforeAll(async () => {
    engine = await sharedEngine(kind);
    await recipeImage(engine, SOURCE);
    sourceId = (await inspect(engine, SOURCE))['Id'];
    listBefore = await imageList(engine);
    report = await flatten(engine, SOURCE);
  });

  it('names the result NAME:TAG-flat, adds nothing else and leaves the source as it is', async () => {
    expect(report.outputs).toEqual([`docker-daemon:${FLAT}`]);
    const { Id: id } = await inspect(engine, FLAT);
    expect(differences(listBefore, await imageList(engine))).toEqual([`+ ${id} ${FLAT}`]);
    expect((await inspect(engine, SOURCE))['Id']).toBe(sourceId);
  });

  it('makes one layer, and the image that it reports', async () => {
    const flat = await inspect(engine, FLAT);
    const [image] = report.images;
    expect(image).toMatchObject({ layersBefore: 12, layersAfter: 1, alreadyFlat: false });
    expect(flat['RootFS']).toEqual({ Type: 'layers', Layers: [image?.diffId] });
    // The containerd store knows an image by its manifest, graph drivers by its configuration.
    const isByManifest = kind === '26.1-containerd';
    expect(flat['Id']).toBe(isByManifest ? image?.manifestDigest : image?.configDigest);
  });

  it('keeps every file as `docker export` tells it', async () => {
    const source = await exportTree(engine, SOURCE);
    expect(source.length).toBeGreaterThan(500);
    expect(await exportTree(engine, FLAT)).toEqual(source);
  });

  it('keeps nanoseconds, all attributes and devices in the directories of the store', async () => {
    // 26.1 with containerd's store keeps the container's own stubs in the layers that the classic builder commits,
    // and leaves them out of what it saves.
    const hasStubs = kind !== '26.1-containerd';
    const source = await overlayTree(engine, SOURCE, { hasStubs });
    const flat = await overlayTree(engine, FLAT, { hasStubs });
    expect(flat.map(withoutRootTime)).toEqual(source.map(withoutRootTime));
    expect(flat).toContainEqual(expect.stringMatching(/ 1700000000123456789 .* user\.note=/));
  });

  it('keeps the configuration field for field', async () => {
    const source = await inspect(engine, SOURCE);
    const flat = await inspect(engine, FLAT);
    for (const name of OWN_FIELDS) {
      delete source[name];
      delete flat[name];
    }
    expect(flat).toEqual(source);
    expect(flat['Config']).toMatchObject({ User: '1000:70001', OnBuild: ['RUN echo built upon'] });
    for (const name of ['Architecture', 'Os', 'Created']) expect(flat[name]).toBeTruthy();
  });

  it('runs: command, user, environment, folder, volume', async () => {
    const runs = ['run', '--rm', '--network=none'];
    expect(await engine.cli(...runs, FLAT)).toBe('ready\n');
    const script =
      'id -u; id -g; echo "$SPACED,$LANG,$EMPTY"; pwd; cat /data/kept; stat -c %a /data';
    const said = await engine.cli(...runs, FLAT, script);
    expect(said).toBe('1000\n70001\na b,C.UTF-8,\n/work dir\nkept\n1777\n');
    expect(await engine.cli(...runs, SOURCE, script)).toBe(said);
  });

  it('keeps capabilities, setuid and hard links inside a container', async () => {
    // A busybox is what it is called: this one reads its own status, with the capability of its file.
    const script = `ln -s /usr/bin/ping /tmp/cat; /tmp/cat /proc/self/status | grep CapEff
      stat -c '%a %u' /usr/bin/sudo; stat -c %h /var/blobs/2 /usr/lib/three /var/names/a
      stat -c %i /var/blobs/2 /var/blobs/hard`;
    const seen = async (image: string) => {
      const said = await engine.cli('run', '--rm', '--network=none', image, script);
      return said.trim().split('\n');
    };
    const lines = await seen(FLAT);
    expect(lines.slice(0, 5)).toEqual((await seen(SOURCE)).slice(0, 5));
    expect(lines[0]).toMatch(/^CapEff:\s+0000000000002000$/);
    expect(lines.slice(1, 5)).toEqual(['6755 0', '2', '2', '2']);
    expect(lines[5]).toBe(lines[6]);
  });

  it('is verified by the program itself, and by --verify', async () => {
    const verified = await shipper(engine, ['verify', SOURCE, FLAT]);
    expect(verified).toMatchObject({ status: 0, leftovers: [] });
    expect((await flatten(engine, SOURCE, '-t', 'recipe:verified', '--verify')).verified).toBe(
      true,
    );
    const other = await shipper(engine, ['verify', `${SOURCE}-base`, FLAT]);
    expect(other.status).toBe(4);
    await engine.cli('rmi', 'recipe:verified');
  });

  it('gives the result every name of -t, and the same image each time', async () => {
    await flatten(engine, SOURCE, '-t', 'recipe:a', '-t', 'other/name:b');
    const { Id: id } = await inspect(engine, FLAT);
    for (const name of ['recipe:a', 'other/name:b']) {
      expect((await inspect(engine, name))['Id']).toBe(id);
    }
    await engine.cli('rmi', 'recipe:a', 'other/name:b');
  });

  it('flattens a flat image to the same image', async () => {
    const again = await flatten(engine, FLAT, '-t', 'recipe:again');
    expect(again.images[0]).toMatchObject({ alreadyFlat: true, diffId: report.images[0]?.diffId });
    expect((await inspect(engine, 'recipe:again'))['Id']).toBe((await inspect(engine, FLAT))['Id']);
    await engine.cli('rmi', 'recipe:again');
  });

  it('replaces the source with --in-place only', async () => {
    await engine.cli('tag', SOURCE, 'recipe:place');
    const refused = await shipper(engine, ['flatten', 'recipe:place', '-t', 'recipe:place']);
    expect(refused.status).toBe(1);
    expect((await inspect(engine, 'recipe:place'))['Id']).toBe(sourceId);
    await flatten(engine, 'recipe:place', '--in-place');
    expect((await inspect(engine, 'recipe:place'))['Id']).toBe((await inspect(engine, FLAT))['Id']);
    expect((await inspect(engine, SOURCE))['Id']).toBe(sourceId);
    await engine.cli('rmi', 'recipe:place');
  });

  it('writes nothing when a gate is not met, in a dry run, or for an image that is not there', async () => {
    const before = await imageList(engine);
    const tag = ['-t', 'recipe:none'];
    const gate = await shipper(engine, ['flatten', SOURCE, ...tag, '--max-size', '1MB']);
    expect(gate).toMatchObject({ status: 4, leftovers: [] });
    await flatten(engine, SOURCE, ...tag, '--dry-run');
    const missing = await shipper(engine, ['flatten', 'recipe:missing']);
    expect(missing).toMatchObject({ status: 1, leftovers: [] });
    expect(missing.stderr).toContain('recipe:missing');
    expect(await imageList(engine)).toEqual(before);
  });

  it('leaves no temporary name', async () => {
    expect((await imageNames(engine)).filter((name) => name.includes('shipper-tmp'))).toEqual([]);
  });
});

// Engines and the specification differ here (`flatten.md` 2): what the source's container shows and the flat one's does
// not (`-`), and the other way round (`+`). `now` is when the engine unpacked the layer.
const DEVIATIONS = [
  // A directory that a layer puts something into without an entry for it gets the time of unpacking; in the flat
  // image it has that of its last entry, or 0.
  ...['- new d 0755 0:0 now', '- new/deep d 0755 0:0 now'],
  ...['+ new d 0755 0:0 0', '+ new/deep d 0755 0:0 0'],
  // `lib -> usr/lib`, then an entry `lib/x`: engines put a directory in the link's place, the specification follows it.
  '- lib d 0755 0:0 now',
  '- lib/x f 0755 0:0 1600000000000000000 20 X',
  '+ lib l 0777 0:0 1600000000000000000 -> usr/lib',
  '+ usr/lib/x f 0755 0:0 1600000000000000000 20 X',
];

// Graph drivers show an implied directory as 0755 root:root, containerd keeps what the lower layer says.
const LOWER: Readonly<Record<string, string>> = {
  gone: '0700 5:0',
  part: '0700 6:0',
  srv: '0700 1000:1000',
  tmp: '1777 0:0',
};

describe.each(ENGINE_KINDS)('layers that engines read in their own way, on %s', (kind) => {
  const began = BigInt(Date.now()) * 1_000_000n;
  let engine: RunningEngine;
  let source: string[];

  beforeAll(async () => {
    engine = await sharedEngine(kind);
    await loadLayers(engine, 'odd:1', oddLayers());
    source = calm(await overlayTree(engine, 'odd:1'), began);
  });

  it('flatten follows the specification, and warns of each path that the engine shows otherwise', async () => {
    const report = await flatten(engine, 'odd:1');
    const flat = calm(await overlayTree(engine, 'odd:1-flat'), began);
    const implied = Object.entries(LOWER).flatMap(([name, attributes]) => [
      `- ${name} d ${kind === '26.1-containerd' ? attributes : '0755 0:0'} now`,
      `+ ${name} d ${attributes} 1600000000000000000`,
    ]);
    expect(differences(source, flat).sort()).toEqual([...implied, ...DEVIATIONS].sort());
    expect(report.images[0]?.warningCounts).toMatchObject({
      'device-zero': 1,
      'root-attributes': 1,
      'parent-through-symlink': 1,
    });
  });

  it.runIf(kind !== '26.1-containerd')(
    "flatten --implicit-parents=shadow --whiteouts=overlay is the engine's own reading, but for times",
    async () => {
      const choices = ['--implicit-parents=shadow', '--whiteouts=overlay'];
      await flatten(engine, 'odd:1', '-t', 'odd:shadow', ...choices);
      const flat = calm(await overlayTree(engine, 'odd:shadow'), began);
      const found = differences(source.map(withoutTimeOfImplied), flat.map(withoutTimeOfImplied));
      // A whiteout makes an implied directory too, in the eyes of a graph driver; here it keeps the lower attributes.
      expect(found).toEqual(['- part d 0755 0:0', '+ part d 0700 6:0']);
    },
  );
});

// The engine sets the time of `/` when it unpacks a layer, and an image does not carry it (`flatten.md` 2).
function withoutRootTime(line: string): string {
  return line.replace(/^(\. d \d{4} \d+:\d+) \d+/, '$1');
}

function withoutTimeOfImplied(line: string): string {
  return line.replace(/^((?:gone|lib|new|new\/deep|part|srv|tmp) d \S+ \S+) (?:now|\d+)/, '$1');
}

/** Times since the tests began become `now`, and long digests one letter. */
function calm(lines: readonly string[], began: bigint): string[] {
  return lines.map((line) =>
    line
      .replace(/ (1[78]\d{17})(?= |$)/, (all, time: string) =>
        BigInt(time) > began ? ' now' : all,
      )
      .replace(/(?<=^(?:usr\/)?lib\/x .*)\b[0-9a-f]{64}\b/, 'X'),
  );
}
