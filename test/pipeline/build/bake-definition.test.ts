// The definition that bake gets: every key of an image, and text that is no template.
import { describe, expect, it } from 'vitest';
import type { BuildChoice } from '../../../src/config/types.ts';
import { type BakeWish, bakeDefinition, csv } from '../../../src/pipeline/build/bake-definition.ts';
import { choice } from './images.ts';

const WISH: BakeWish = {
  output: 'type=docker',
  tags: ['shipper-tmp:x'],
  contexts: {},
  noCache: false,
  pull: false,
};

function target(build: Partial<BuildChoice>, wish: Partial<BakeWish> = {}): unknown {
  return JSON.parse(bakeDefinition(choice(build), { ...WISH, ...wish })).target.image;
}

describe('bakeDefinition()', () => {
  it('says little of a plain build', () => {
    expect(target({})).toMatchInlineSnapshot(`
      {
        "attest": [
          "type=provenance,disabled=true",
          "type=sbom,disabled=true",
        ],
        "context": "/work/app",
        "output": [
          "type=docker",
        ],
        "tags": [
          "shipper-tmp:x",
        ],
      }
    `);
  });

  it('has every key of an image', () => {
    const build: BuildChoice = {
      ...choice(),
      dockerfile: '/work/app/docker/App',
      target: 'small',
      args: { A: '1', EMPTY: '' },
      secrets: [
        { id: 'word', variable: 'WORD' },
        { id: 'key', file: '/work/a,b "c"/key' },
        { id: 'plain' },
      ],
      ssh: [
        { id: 'default', paths: [] },
        { id: 'deploy', paths: ['/home/me/a', '/home/me/b'] },
      ],
      cacheFrom: ['type=registry,ref=h/c', 'h/d'],
      cacheTo: ['type=inline'],
      platforms: ['linux/amd64', 'linux/arm64'],
      labels: { 'a.b': 'c' },
      annotations: ['x=y'],
      network: 'none',
      noCacheFilter: ['small'],
      extraHosts: ['db=1.2.3.4', 'six=::1'],
      shmSizeBytes: 67_108_864,
      ulimits: [{ name: 'nofile', soft: 1024, hard: -1 }],
      entitlements: ['network.host'],
      additionalContexts: { base: '/over', docs: '/work/docs' },
      provenance: 'mode=max',
      sbom: 'true',
    };
    const wish = { contexts: { base: 'oci-layout:///p@sha256:1' }, noCache: true, pull: true };
    expect(target(build, wish)).toMatchInlineSnapshot(`
      {
        "annotations": [
          "x=y",
        ],
        "args": {
          "A": "1",
          "EMPTY": "",
        },
        "attest": [
          "type=provenance,mode=max",
          "type=sbom",
        ],
        "cache-from": [
          "type=registry,ref=h/c",
          "h/d",
        ],
        "cache-to": [
          "type=inline",
        ],
        "context": "/work/app",
        "contexts": {
          "base": "oci-layout:///p@sha256:1",
          "docs": "/work/docs",
        },
        "dockerfile": "/work/app/docker/App",
        "entitlements": [
          "network.host",
        ],
        "extra-hosts": {
          "db": "1.2.3.4",
          "six": "::1",
        },
        "labels": {
          "a.b": "c",
        },
        "network": "none",
        "no-cache": true,
        "no-cache-filter": [
          "small",
        ],
        "output": [
          "type=docker",
        ],
        "platforms": [
          "linux/amd64",
          "linux/arm64",
        ],
        "pull": true,
        "secret": [
          "id=word,env=WORD",
          "id=key,"src=/work/a,b ""c""/key"",
          "id=plain,env=plain",
        ],
        "shm-size": "67108864",
        "ssh": [
          "default",
          "deploy=/home/me/a,/home/me/b",
        ],
        "tags": [
          "shipper-tmp:x",
        ],
        "target": "small",
        "ulimits": [
          "nofile=1024:-1",
        ],
      }
    `);
  });

  it('takes a Dockerfile that stands in shipper.yaml', () => {
    expect(target({ dockerfileInline: 'FROM a\nRUN echo ${X}\n' })).toMatchObject({
      'dockerfile-inline': 'FROM a\nRUN echo $${X}\n',
    });
  });

  it('leaves no template, in values and in keys', () => {
    const text = '$A ${B} $${C} $$${D} %{if} %%{x} $ %';
    expect(target({ args: { [text]: text } })).toMatchObject({
      args: {
        '$A $${B} $$${C} $$$${D} %%{if} %%%{x} $ %': '$A $${B} $$${C} $$$${D} %%{if} %%%{x} $ %',
      },
    });
  });

  it('makes no attestation that was not asked for', () => {
    expect(target({ provenance: 'false' })).toMatchObject({
      attest: ['type=provenance,disabled=true', 'type=sbom,disabled=true'],
    });
  });
});

describe('csv()', () => {
  it('quotes what has to be', () => {
    expect(csv(['id=a', 'src=/a b'])).toBe('id=a,src=/a b');
    expect(csv(['id=a', 'src=/a,"b"'])).toBe('id=a,"src=/a,""b"""');
  });
});
