// A release that somebody began and did not end, beside what is to be rolled out now: pure, the same for hosts and swarms.
import { ShipperError } from '../core/errors.ts';
import type { ReleaseRecord } from './release.ts';

interface SpecifiedService {
  readonly name: string;
  readonly specHash: string;
}

/** Whether two releases have the same services with the same specifications. */
export function sameServices(
  a: readonly SpecifiedService[],
  b: readonly SpecifiedService[],
): boolean {
  const key = (services: readonly SpecifiedService[]) =>
    services
      .map(({ name, specHash }) => `${name} ${specHash}`)
      .sort()
      .join('\n');
  return key(a) === key(b);
}

/** Why nothing else can be rolled out before it is ended. */
export function halfWay(
  environment: string,
  phase: 'rolling' | 'rolling-back' | undefined,
  { id, at, by }: Pick<ReleaseRecord, 'id' | 'at' | 'by'>,
): ShipperError {
  const way = phase === 'rolling-back' ? 'on its way back' : 'half-way';
  const message = `Cannot roll out ${environment}: release ${id} (${by}, ${at}) is ${way}`;
  const hint = `shipper resume ${environment} or shipper rollback ${environment}; --force begins a new release from what runs now`;
  return new ShipperError('PARTIAL', message, { hint });
}
