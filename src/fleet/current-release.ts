// The release that runs in an environment, as the journals of its hosts say together: the newest counts, wherever it is.
import { ShipperError } from '../core/errors.ts';
import { recordIn } from '../rollout/journal-changes.ts';
import type { DeployScope, Journal, ReleaseRecord } from '../rollout/release.ts';

/** `NOT_FOUND` where nothing was ever rolled out, `PARTIAL` while a release is half-way. */
export function currentRelease(
  { environment }: DeployScope,
  journal: Journal | undefined,
): ReleaseRecord {
  if (journal?.unfinished !== undefined) {
    const { release, action } = journal.unfinished;
    const message = `Cannot tell what should run in ${environment}: the ${action} of ${release} is half-way`;
    const hint = `shipper resume ${environment}, or shipper rollback ${environment}`;
    throw new ShipperError('PARTIAL', message, { hint });
  }
  const record = journal === undefined ? undefined : recordIn(journal, journal.current);
  if (record !== undefined) return record;
  const message = `Cannot tell what should run in ${environment}: nothing was rolled out there`;
  throw new ShipperError('NOT_FOUND', message, { hint: `shipper rollout ${environment}` });
}
