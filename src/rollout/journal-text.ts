// The form in which a journal stands in a label: JSON, gzip, base64url. Pure.
import { gunzipWhole, gzipWhole } from '../blob/whole.ts';
import { anyText, type Check, flag, listOf, mapOf, oneOf, shapeOf, whole } from '../core/checks.ts';
import { isShipperError, messageOf } from '../core/errors.ts';
import { neededReleases } from './journal-changes.ts';
import type { DeployScope, Journal } from './release.ts';

/** The form that this version writes. */
export const JOURNAL_SCHEMA = 1;
/** Characters of the label. A list of images has the labels of all of them, and is read up to 4 MiB. */
const MOST_CHARACTERS = 524_288;
/** JSON that a reader takes, in bytes. */
const MOST_BYTES = 33_554_432;

const object: Check = (value, name) => mapOf(() => undefined)(value, name);
const texts = mapOf(anyText);
const strings = (...names: readonly string[]) => names.map((name) => [name, anyText] as const);

function recordOf(
  checks: Readonly<Record<string, Check>>,
  optional: readonly string[] = [],
): Check {
  return shapeOf(
    checks,
    Object.keys(checks).filter((name) => !optional.includes(name)),
  );
}

const containerSpec: Check = (value, name) => {
  object(value, name);
  const { Image, Labels } = value as Readonly<Record<string, unknown>>;
  anyText(Image, `${name}.Image`);
  texts(Labels, `${name}.Labels`);
};

const addition: Check = (value, name) => {
  listOf(() => undefined)(value, name);
  const [network, settings] = value as readonly unknown[];
  anyText(network, `${name}[0]`);
  object(settings, `${name}[1]`);
};

const SERVICE = recordOf({
  name: anyText,
  image: recordOf({ name: anyText, pinned: anyText, digest: anyText, platform: anyText }, [
    ...['pinned', 'platform'],
  ]),
  spec: containerSpec,
  moreNetworks: listOf(addition),
  specHash: anyText,
  stopGraceMs: whole(0),
});
const SLOT = recordOf({
  ...Object.fromEntries(strings('service', 'engine', 'host', 'specHash')),
  slot: whole(1),
});
const DECLARED = { name: anyText, driver: anyText, options: texts, labels: texts };
const NETWORK = recordOf({ ...DECLARED, attachable: flag, internal: flag, ipv6: flag }, [
  ...['driver', 'options', 'attachable', 'internal', 'ipv6'],
]);
const RELEASE = recordOf({
  ...Object.fromEntries(strings('id', 'at', 'by')),
  status: oneOf('unfinished', 'committed', 'failed', 'rolled-back'),
  services: listOf(SERVICE),
  slots: listOf(SLOT),
  networks: listOf(NETWORK),
  volumes: listOf(recordOf(DECLARED, ['driver', 'options'])),
});
const PREVIOUS = recordOf(
  {
    service: anyText,
    slot: whole(1),
    engine: anyText,
    container: recordOf(Object.fromEntries(strings('name', 'release', 'specHash'))),
  },
  ['container'],
);
const UNFINISHED = recordOf({
  action: oneOf('rollout', 'rollback'),
  release: anyText,
  phase: oneOf('rolling', 'rolling-back'),
  previous: listOf(PREVIOUS),
});
const AUDIT = recordOf(
  Object.fromEntries(strings('at', 'by', 'action', 'release', 'outcome', 'detail')),
  ['release', 'detail'],
);
const JOURNAL = recordOf(
  {
    schema: whole(JOURNAL_SCHEMA, JOURNAL_SCHEMA),
    ...Object.fromEntries(strings('project', 'environment')),
    revision: whole(0),
    releases: listOf(RELEASE),
    current: anyText,
    unfinished: UNFINISHED,
    audit: listOf(AUDIT),
  },
  ['current', 'unfinished'],
);

/** What a label says: a journal, or why it is none. */
export type ParsedJournal =
  | { readonly kind: 'journal'; readonly journal: Journal }
  | { readonly kind: 'newer'; readonly schema: number }
  | { readonly kind: 'broken'; readonly state: string };

/** Reads a label; never throws. `scope` is whose journal it must be. */
export function parseJournal(text: string, scope?: DeployScope): ParsedJournal {
  try {
    const bytes = gunzipWhole(Buffer.from(text, 'base64url'), MOST_BYTES, 'the journal');
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    const schema = (value as { readonly schema?: unknown } | null)?.schema;
    if (typeof schema === 'number' && schema > JOURNAL_SCHEMA) return { kind: 'newer', schema };
    JOURNAL(value, 'the journal');
    const journal = value as Journal;
    const state = contradiction(journal, scope);
    return state === undefined ? { kind: 'journal', journal } : { kind: 'broken', state };
  } catch (error) {
    return { kind: 'broken', state: stateOf(error) };
  }
}

/** What the checks of form do not see. */
function contradiction(journal: Journal, scope: DeployScope | undefined): string | undefined {
  const { project, environment, releases, current, unfinished } = journal;
  if (scope !== undefined && (project !== scope.project || environment !== scope.environment)) {
    return `it is that of ${project}/${environment}`;
  }
  const known = new Set(releases.map(({ id }) => id));
  if (known.size < releases.length) return 'it has a release twice';
  const missing = [current, unfinished?.release].find((id) => id !== undefined && !known.has(id));
  return missing === undefined ? undefined : `it does not have its release ${missing}`;
}

/** `Cannot use the journal: state`, without what stands before the colon: the caller says that with the host's name. */
function stateOf(error: unknown): string {
  // What JSON.parse says quotes the text, which may hold a secret.
  if (error instanceof SyntaxError) return 'it is not JSON';
  const message = messageOf(error).replace(/^Cannot use /, '');
  const isOwn = isShipperError(error) || message.startsWith('the journal: ');
  return isOwn ? message.replace(/^the journal: /, '') : message;
}

/**
 * The label of a journal. Where that would be too long the oldest records are left out, then the oldest lines of the audit
 * log; undefined where what must stay is too long.
 */
export function formatJournal(journal: Journal): string | undefined {
  const needed = neededReleases(journal);
  const spare = journal.releases.filter(({ id }) => !needed.has(id)).map(({ id }) => id);
  // How few must go is found by halving: each try compresses the whole.
  let fewest = 0;
  let most = spare.length + journal.audit.length;
  let text = encoded(journal);
  if (text !== undefined) return text;
  while (fewest < most) {
    const middle = Math.floor((fewest + most) / 2);
    const found = encoded(without(journal, spare, middle));
    if (found === undefined) fewest = middle + 1;
    else {
      most = middle;
      text = found;
    }
  }
  return text ?? encoded(without(journal, spare, most));
}

function without(journal: Journal, spare: readonly string[], count: number): Journal {
  const gone = new Set(spare.slice(0, count));
  return {
    ...journal,
    releases: journal.releases.filter(({ id }) => !gone.has(id)),
    audit: journal.audit.slice(Math.max(0, count - spare.length)),
  };
}

function encoded(journal: Journal): string | undefined {
  const json = Buffer.from(JSON.stringify(journal));
  if (json.length > MOST_BYTES) return undefined;
  const text = Buffer.from(gzipWhole(json)).toString('base64url');
  return text.length > MOST_CHARACTERS ? undefined : text;
}
