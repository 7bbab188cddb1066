// The calls about containers over one session, put together from their subjects.
import { archiveCalls } from './container-archive.ts';
import { lifecycleCalls } from './container-calls.ts';
import { execCalls } from './container-exec.ts';
import { logCalls } from './container-logs.ts';
import { watchCalls } from './container-watch.ts';
import type { Containers } from './containers.ts';
import { imageCalls } from './image-calls.ts';
import { networkCalls } from './network-calls.ts';
import type { Session } from './session.ts';

/** What an engine can do with containers. */
export function containersOf(session: Session): Containers {
  return {
    ...lifecycleCalls(session),
    ...archiveCalls(session),
    ...logCalls(session),
    ...execCalls(session),
    ...watchCalls(session),
    ...imageCalls(session),
    ...networkCalls(session),
  };
}
