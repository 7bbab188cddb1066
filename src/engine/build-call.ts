// `POST /build`: its parameters, and its output as lines (Engine API, ImageBuild).
import { LineSplitter } from '../core/lines.ts';
import type { BuildImageOptions, EngineLogin } from './engine.ts';

/** The parameters of a build. Containers of its steps are removed, also of those that fail. */
export function buildQuery(
  options: BuildImageOptions,
  isPodman: boolean,
): Readonly<Record<string, string | readonly string[]>> {
  const { target, network, platform, shmSizeBytes, remote } = options;
  const ulimits = (options.ulimits ?? []).map(({ name, soft, hard }) => ({
    Name: name,
    Soft: soft,
    Hard: hard,
  }));
  return {
    version: '1',
    t: options.name,
    dockerfile: options.dockerfile ?? 'Dockerfile',
    rm: '1',
    forcerm: '1',
    ...json('buildargs', options.args ?? {}),
    ...json('labels', options.labels ?? {}),
    ...json('cachefrom', options.cacheFrom ?? []),
    ...json('ulimits', ulimits),
    ...(options.noCache === true ? { nocache: '1' } : {}),
    ...(options.pull === true ? { pull: '1' } : {}),
    ...(target === undefined ? {} : { target }),
    ...(network === undefined ? {} : { networkmode: network }),
    ...(platform === undefined ? {} : { platform }),
    ...(remote === undefined ? {} : { remote }),
    ...(shmSizeBytes === undefined ? {} : { shmsize: String(shmSizeBytes) }),
    ...hosts(options.extraHosts ?? [], isPodman),
  };
}

/** Docker takes them one by one, podman as JSON. */
function hosts(
  lines: readonly string[],
  isPodman: boolean,
): Readonly<Record<string, string | readonly string[]>> {
  if (isPodman) return json('extrahosts', lines);
  return lines.length === 0 ? {} : { extrahosts: lines };
}

/** A parameter in JSON, left out where it is empty: podman refuses some of those. */
function json(name: string, value: object): Readonly<Record<string, string>> {
  return Object.keys(value).length === 0 ? {} : { [name]: JSON.stringify(value) };
}

/** `X-Registry-Config`; nothing where there are no logins. */
export function loginHeaders(
  logins: Readonly<Record<string, EngineLogin>>,
): Readonly<Record<string, string>> {
  if (Object.keys(logins).length === 0) return {};
  const base64 = Buffer.from(JSON.stringify(logins), 'utf8').toString('base64');
  // The alphabet of URLs, but with padding: engines refuse it without.
  return { 'X-Registry-Config': base64.replaceAll('+', '-').replaceAll('/', '_') };
}

/** What a step says in pieces, as lines. */
export class StepLog {
  readonly #tell: (line: string) => void;
  readonly #lines = new LineSplitter();
  #status = '';

  constructor(tell: (line: string) => void) {
    this.#tell = tell;
  }

  /** Takes a line of the answer: output of a step, or a change of the state of a pull. */
  take({
    stream,
    status,
    id,
  }: {
    readonly stream: string | undefined;
    readonly status: string | undefined;
    readonly id: string | undefined;
  }): void {
    if (stream !== undefined) {
      for (const { text } of this.#lines.split(Buffer.from(stream, 'utf8'))) this.#tell(text);
    }
    if (status === undefined) return;
    const line = id === undefined ? status : `${id}: ${status}`;
    // Progress of one layer comes many times a second.
    if (line !== this.#status) this.#tell(line);
    this.#status = line;
  }

  /** Tells what did not end in a line end. */
  end(): void {
    const last = this.#lines.last();
    if (last !== undefined) this.#tell(last.text);
  }
}
