// Bake files in HCL through a real docker buildx: what it prints is what is read.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadProject } from '../../src/config/load.ts';
import { nodeSystem } from '../../src/system/node.ts';
import type { System } from '../../src/system/system.ts';
import { requireParts, TRIXIE } from './support/places.ts';

const folder = mkdtempSync(join(tmpdir(), 'shipper-bake-'));
const real = nodeSystem();

/** The docker command with the buildx of Debian trixie as its plugin; it needs no engine. */
const system: System = {
  ...real,
  cwd: folder,
  run: (command, args, options) =>
    real.run(command, args, { ...options, env: { DOCKER_CONFIG: join(folder, 'docker') } }),
};

const HCL = `variable "TAG" { default = "1" }
function "up" {
  params = [x]
  result = upper(x)
}
target "_base" {
  args = { A = "1", B = null }
  cache-from = ["type=gha"]
}
target "app" {
  inherits = ["_base"]
  tags = ["r.example.com/app:\${TAG}"]
  contexts = { lib = "target:lib" }
  secret = ["id=a,src=sec"]
  attest = ["type=provenance,mode=max", "type=sbom"]
  labels = { x = up("y") }
  ulimits = ["nofile=1024:2048"]
}
target "lib" {
  context = "./lib"
  dockerfile-inline = "FROM scratch"
}
target "mx" {
  name = "mx-\${v}"
  matrix = { v = ["a", "b"] }
  args = { V = v }
}
group "default" { targets = ["app"] }
group "all" { targets = ["app", "mx"] }
`;

beforeAll(() => {
  const plugins = join(folder, 'docker/cli-plugins');
  mkdirSync(plugins, { recursive: true });
  mkdirSync(join(folder, 'b'));
  const libraries = `${TRIXIE}/lib/x86_64-linux-gnu:${TRIXIE}/usr/lib/x86_64-linux-gnu`;
  const buildx = `${TRIXIE}/usr/libexec/docker/cli-plugins/docker-buildx`;
  const loader = `${TRIXIE}/lib64/ld-linux-x86-64.so.2`;
  requireParts('docker buildx', 'docker', buildx, loader);
  const plugin = join(plugins, 'docker-buildx');
  writeFileSync(plugin, `#!/bin/sh\nexec ${loader} --library-path ${libraries} ${buildx} "$@"\n`);
  chmodSync(plugin, 0o755);
  writeFileSync(join(folder, 'b/sec'), 'x');
  writeFileSync(join(folder, 'shipper.yaml'), 'include: [b/docker-bake.hcl]\n');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function bake(text: string): ReturnType<typeof loadProject> {
  writeFileSync(join(folder, 'b/docker-bake.hcl'), text);
  return loadProject(system);
}

describe('docker buildx bake --print', () => {
  it('gives targets, matrices and groups, with places of the file', async () => {
    const { images, groups } = await bake(HCL);
    const place = (line: number) => ({ file: 'b/docker-bake.hcl', line, column: 1 });
    expect(images).toMatchObject([
      {
        name: 'app',
        source: {
          build: {
            context: join(folder, 'b'),
            args: { A: '1' },
            labels: { x: 'Y' },
            secrets: [{ id: 'a', file: join(folder, 'b/sec') }],
            cacheFrom: ['type=gha'],
            provenance: 'mode=max',
            sbom: 'true',
            ulimits: [{ name: 'nofile', soft: 1024, hard: 2048 }],
          },
        },
        needs: [{ image: 'lib', as: 'lib' }],
        references: ['r.example.com/app:1'],
        place: place(10),
      },
      { name: 'lib', source: { build: { dockerfileInline: 'FROM scratch' } }, place: place(19) },
      { name: 'mx-a', source: { build: { args: { V: 'a' } } }, place: place(23) },
      { name: 'mx-b', place: place(23) },
    ]);
    expect(groups.map(({ name, images: members }) => [name, ...members])).toEqual([
      ['all', 'app', 'mx-a', 'mx-b'],
      ['default', 'app'],
      ['mx', 'mx-a', 'mx-b'],
    ]);
  });

  it('refuses with places', async () => {
    await expect(bake('target "a" {\n  tags = ["x"\n}\n')).rejects.toMatchObject({
      code: 'BAD_CONFIG',
      details: { problems: [{ file: 'b/docker-bake.hcl', line: 3, column: 1 }] },
    });
    await expect(bake('target "a" {\n  inherits = ["nope"]\n}\n')).rejects.toMatchObject({
      message:
        'Cannot use shipper.yaml:1:11: docker buildx refuses docker-bake.hcl: failed to find target nope',
    });
  });
});
