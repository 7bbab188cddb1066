import { describe, expect, it } from 'vitest';
import { digestOf } from '../../src/core/digest.ts';
import { type ConfigEdit, editConfig, parseConfig } from '../../src/image/config.ts';

const ID = digestOf(new Uint8Array(1));
const bytes = (text: string) => new TextEncoder().encode(text);
const ROOTFS = `"rootfs":{"type":"layers","diff_ids":["${digestOf(new Uint8Array(2))}"]}`;

function edited(text: string, changes: Partial<ConfigEdit> = {}): string {
  const edit: ConfigEdit = {
    diffIds: [ID],
    history: 'as-is',
    keptLayers: 0,
    created: undefined,
    labels: {},
    ...changes,
  };
  return new TextDecoder().decode(editConfig(bytes(text), edit, 'the configuration of x'));
}

const NEW_ROOTFS = `"rootfs":{"type":"layers","diff_ids":["${ID}"]}`;

describe('editConfig()', () => {
  const EDITS: readonly (readonly [
    what: string,
    before: string,
    changes: Partial<ConfigEdit>,
    after: string,
  ])[] = [
    [
      'only the diff_ids',
      `{"os":"linux","x":12345678901234567890,${ROOTFS}}`,
      {},
      `{"os":"linux","x":12345678901234567890,${NEW_ROOTFS}}`,
    ],
    [
      'unknown members of rootfs stay',
      '{"rootfs":{"diff_ids":[],"base_layer":7}}',
      {},
      `{"rootfs":{"diff_ids":["${ID}"],"base_layer":7}}`,
    ],
    [
      'created where there was none',
      `{${ROOTFS}}`,
      { created: '2026-01-01T00:00:00Z' },
      `{${NEW_ROOTFS},"created":"2026-01-01T00:00:00Z"}`,
    ],
    [
      'created where there was one',
      `{"created":"x",${ROOTFS}}`,
      { created: 'y' },
      `{"created":"y",${NEW_ROOTFS}}`,
    ],
    [
      'one line of history with the time of the source',
      `{"created":"2020-01-01T00:00:00.5Z",${ROOTFS},"history":[{"a":1}]}`,
      { history: 'summary' },
      `{"created":"2020-01-01T00:00:00.5Z",${NEW_ROOTFS},"history":[{"created":"2020-01-01T00:00:00.5Z","created_by":"shipper flatten"}]}`,
    ],
    [
      'one line of history without a time',
      `{${ROOTFS}}`,
      { history: 'summary' },
      `{${NEW_ROOTFS},"history":[{"created_by":"shipper flatten"}]}`,
    ],
    [
      'a line of history has the new time',
      `{"created":"a",${ROOTFS}}`,
      { history: 'summary', created: 'b' },
      `{"created":"b",${NEW_ROOTFS},"history":[{"created":"b","created_by":"shipper flatten"}]}`,
    ],
    [
      'kept lines stand for no layer, and are as they were',
      `{${ROOTFS},"history":[{"created_by":"a","n":1.50},{"empty_layer":false,"big":12345678901234567890}]}`,
      { history: 'keep' },
      `{${NEW_ROOTFS},"history":[{"created_by":"a","n":1.50,"empty_layer":true},{"empty_layer":true,"big":12345678901234567890},{"created_by":"shipper flatten"}]}`,
    ],
    [
      'kept history that is null',
      `{${ROOTFS},"history":null}`,
      { history: 'keep' },
      `{${NEW_ROOTFS},"history":[{"created_by":"shipper flatten"}]}`,
    ],
    ['no history', `{"history":[{}],${ROOTFS}}`, { history: 'none' }, `{${NEW_ROOTFS}}`],
    [
      'a label where there is no config',
      `{${ROOTFS}}`,
      { labels: { a: 'b' } },
      `{${NEW_ROOTFS},"config":{"Labels":{"a":"b"}}}`,
    ],
    [
      'a label where config and Labels are null',
      `{"config":null,${ROOTFS}}`,
      { labels: { a: 'b' } },
      `{"config":{"Labels":{"a":"b"}},${NEW_ROOTFS}}`,
    ],
    [
      'a label over one, beside others',
      `{"config":{"Labels":{"a":"1","c":"\\u0064"},"Env":null},${ROOTFS}}`,
      { labels: { a: '"2"' } },
      `{"config":{"Labels":{"a":"\\"2\\"","c":"\\u0064"},"Env":null},${NEW_ROOTFS}}`,
    ],
  ];
  it.each(EDITS)('%s', (_what, before, changes, after) => {
    expect(edited(before, changes)).toBe(after);
  });

  it('a label may be called __proto__', () => {
    const labels = JSON.parse('{"__proto__":"x"}') as Record<string, string>;
    expect(edited(`{${ROOTFS}}`, { labels })).toBe(
      `{${NEW_ROOTFS},"config":{"Labels":{"__proto__":"x"}}}`,
    );
  });

  it.each([
    [`{${ROOTFS},${ROOTFS}}`, {}, 'rootfs'],
    ['{"rootfs":{"diff_ids":[],"diff_ids":[]}}', {}, 'diff_ids'],
    [`{"history":[],"history":[],${ROOTFS}}`, { history: 'summary' }, 'history'],
    [`{"config":{},"config":{},${ROOTFS}}`, { labels: { a: 'b' } }, 'config'],
    [`{"config":{"Labels":{},"Labels":{}},${ROOTFS}}`, { labels: { a: 'b' } }, 'Labels'],
  ] as const)('refuses %s', (text, changes, key) => {
    expect(() => edited(text, changes)).toThrow(
      `Cannot read the configuration of x: the key "${key}" stands twice`,
    );
  });
});

describe('parseConfig()', () => {
  const parse = (text: string) => parseConfig(bytes(text), 'the configuration of x');

  it.each([
    [
      `{"os":"linux","architecture":"arm","variant":"v7",${ROOTFS}}`,
      { os: 'linux', architecture: 'arm', variant: 'v7' },
    ],
    [
      `{"os":"windows","architecture":"amd64","os.version":"10.0",${ROOTFS}}`,
      { os: 'windows', architecture: 'amd64', osVersion: '10.0' },
    ],
    [`{${ROOTFS}}`, { os: 'linux', architecture: 'unknown' }],
    [
      `{"os":"","architecture":"","variant":"",${ROOTFS}}`,
      { os: 'linux', architecture: 'unknown' },
    ],
    [`{"os":null,"variant":null,${ROOTFS}}`, { os: 'linux', architecture: 'unknown' }],
  ])('%s is of a platform', (text, platform) => {
    expect(parse(text).platform).toEqual(platform);
  });

  it('reads history and which of its lines stand for a layer', () => {
    const { history } = parse(
      `{${ROOTFS},"history":[{"created_by":"a"},{"empty_layer":true},{"empty_layer":"true"}]}`,
    );
    expect(history).toEqual([
      { createdBy: 'a', isEmptyLayer: false },
      { createdBy: undefined, isEmptyLayer: true },
      { createdBy: undefined, isEmptyLayer: false },
    ]);
  });

  it.each([
    ['{}', 'it has no rootfs.diff_ids'],
    ['{"rootfs":[]}', 'it has no rootfs.diff_ids'],
    ['{"rootfs":{"diff_ids":{}}}', 'it has no rootfs.diff_ids'],
    ['{"rootfs":{"diff_ids":[null]}}', 'rootfs.diff_ids[0] is not a digest'],
    [`{${ROOTFS},"created":5}`, 'created is not a string'],
    [`{${ROOTFS},"history":[1]}`, 'history[0] is not an object'],
    [`{${ROOTFS},"history":[{"created_by":[]}]}`, 'created_by is not a string'],
    ['{"__proto__":{"rootfs":{"diff_ids":[]}}}', 'it has no rootfs.diff_ids'],
  ])('refuses %s', (text, reason) => {
    expect(() => parse(text)).toThrow(`Cannot read the configuration of x: ${reason}`);
  });
});
