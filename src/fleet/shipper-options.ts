// What class Shipper is made with, and what its calls take.
import type { Report } from '../core/events.ts';
import type { FlattenRequest, MediaOptions } from '../operations/flatten-types.ts';
import type { System } from '../system/system.ts';
import type { Told } from './fan-out.ts';
import type { TakeLines } from './output.ts';
import type { RunOptions } from './run-spec.ts';
import type { Pattern } from './selection.ts';
import type { TargetRequest } from './targets.ts';
import type { WatchEvent } from './watch.ts';
import type { WatchRules } from './watch-slot.ts';

/** Which hosts are meant, and how they are worked on; all optional. */
export interface ShipperOptions
  extends TargetRequest,
    Pick<MediaOptions, 'creds' | 'authfile' | 'insecure' | 'mirrors'> {
  /** Work as if started in this folder. Default: the process's own. */
  readonly directory?: string;
  /** What is meant by calls that name no services: services of the environment, or groups of shipper.yaml. Default all. */
  readonly services?: readonly string[];
  /** At most so many hosts at once. Default 30; 1: one after the other, in their order. */
  readonly parallel?: number;
  /** For each call on each host, in milliseconds; what has not ended by then is a `TIMEOUT` of that host. Default none. */
  readonly timeoutMs?: number;
  /** An engine may do nothing for so long while it is waited for, in milliseconds. Default 30,000. */
  readonly patienceMs?: number;
  /** Calls that would change something only say what that is. Default false. */
  readonly dryRun?: boolean;
  /** Cancels every call: it rejects with `INTERRUPTED`. */
  readonly signal?: AbortSignal;
  /** Takes progress and notes. Default: nobody. */
  readonly report?: Report;
  /** The machine. Default: the real one. */
  readonly system?: System;
}

/** Of every call: results are told as they come, while other hosts are still at work. */
export interface CallOptions<T> {
  readonly onResult?: Told<T>;
}

/** Of `run`. */
export interface RunCall extends RunOptions {
  /**
   * Nothing is done on a host where such a container runs already. `true`: one that was run with the same image, command and
   * options; or one whose image and command are like these, whoever started it.
   */
  readonly once?:
    | boolean
    | { readonly image?: Pattern; readonly command?: Pattern | readonly string[] };
}

/** Of `build`: what is built, of a folder, of a text, or of what the engine fetches itself. */
export interface BuildCall {
  /** The context: a folder of this machine, or an address that each engine fetches: of a Git repository or an archive (HTTP). */
  readonly path?: string;
  /** A Dockerfile as text, in place of the one in `path`. */
  readonly dockerfileText?: string;
  /** The Dockerfile, relative to `path`. Default `Dockerfile`. */
  readonly dockerfile?: string;
  /** Name of the image, with a tag or `latest`. */
  readonly tag: string;
  readonly args?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly target?: string;
  /** Default false. */
  readonly noCache?: boolean;
  /** Ask registries for newer base images. Default false. */
  readonly pull?: boolean;
  /** `os/architecture[/variant]`. */
  readonly platform?: string;
  /** Takes a line of the build's own output. Default: it is told as progress. */
  readonly onLog?: (host: string, line: string) => void;
}

/** Of `flatten`: choices of the library's `flatten`, without those of places. */
export type FlattenCall = Omit<
  FlattenRequest,
  keyof MediaOptions | 'source' | 'outputs' | 'dryRun' | 'spool' | 'cache'
>;

/** Of `exec`. */
export interface ExecCall {
  readonly user?: string;
  readonly workingDir?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Takes what it writes as it comes. Default: it is kept, and is in the result. */
  readonly onLines?: TakeLines;
}

/** Of `attach`. */
export interface AttachCall {
  /** Ends with a line in which this is found. Default: with the container. */
  readonly stopLine?: string | RegExp;
  readonly onLines?: TakeLines;
}

/** Of `watch`. */
export interface WatchCall extends Partial<WatchRules> {
  /** Services and groups. Default all. */
  readonly services?: readonly string[];
  readonly onEvent: (event: WatchEvent) => void;
}

/** Of `logs`. */
export interface LogsCall {
  /** Go on with what comes, until none of the containers runs any more. Default false. */
  readonly follow?: boolean;
  /** At most so many of the last lines of each container. Default all. */
  readonly tail?: number;
  /** Only what is newer: a time, or milliseconds before now. */
  readonly since?: Date | number;
  readonly onLines: TakeLines;
}
