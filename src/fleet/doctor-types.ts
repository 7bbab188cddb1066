// What `shipper doctor` is asked and says.
import type { MediaOptions } from '../operations/flatten-types.ts';

/** What is looked at. */
export interface DoctorRequest extends MediaOptions {
  /** The configuration; default as `loadProject` finds it. */
  readonly config?: string;
  /** Environments whose hosts are asked; default all of the configuration. */
  readonly environments?: readonly string[];
}

/** One thing that was looked at. JSON-able. */
export interface DoctorCheck {
  /** What kind of thing it is. */
  readonly area: 'disk' | 'configuration' | 'engine' | 'builder' | 'registry' | 'host';
  /** Which one: a folder, a file, a repository, a host. */
  readonly subject: string;
  /** `warning`: it works without, or may soon not; `failed`: something that is wanted does not work. */
  readonly state: 'ok' | 'warning' | 'failed';
  /** What was found. */
  readonly found: string;
  /** What mends it; absent where nothing is to be mended, or nobody knows. */
  readonly mend?: string;
}

/** All that was looked at. */
export interface DoctorReport {
  /** Whether nothing failed. */
  readonly ok: boolean;
  readonly checks: readonly DoctorCheck[];
}
