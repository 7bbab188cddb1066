// `shipper wait`: until containers of an environment have ended.
import type { Waited } from '../../fleet/output.ts';
import { nameOf } from '../../report/fleet-text.ts';
import { safe } from '../../report/text.ts';
import { exitCodeOfContainers } from '../exit-code.ts';
import type { Verb } from '../verb.ts';
import { ENVIRONMENT } from './environment-options.ts';
import {
  containerFilter,
  type FleetFlags,
  shipperOptions,
  streamOptions,
  WHICH_SERVICES,
} from './fleet-options.ts';
import { runFleet } from './fleet-run.ts';

export const waitVerb: Verb<FleetFlags> = {
  name: 'wait',
  summary: 'wait until containers of an environment have ended',
  about: `Waits until the containers have ended, however long that is (--timeout limits it), and prints their
exit codes as they do. Of one container only, its exit code is that of this command; else it is 0
where all ended with 0, 3 where some did, 1 where none did.`,
  args: [ENVIRONMENT, WHICH_SERVICES],
  options: streamOptions(),
  examples: [
    ['shipper wait staging migrate', 'until a one-time job is done'],
    ['shipper wait staging --label job=import --timeout 1h', 'those of a label, at most an hour'],
  ],

  run(session, [environment, ...services], flags) {
    const chosen = containerFilter(services, flags);
    return runFleet<Waited>(session, {
      what: `wait for containers of ${environment}`,
      words: ['wait', environment ?? '', ...services],
      options: shipperOptions(environment, flags),
      skip: flags.skipUnreachable ?? 0,
      work: (ship, onResult) => ship.wait(chosen, { onResult }),
      line: ({ value: { container, exitCode } }, { colours }) => {
        const code = exitCode === 0 ? String(exitCode) : colours.red(String(exitCode));
        const name = colours.bold(safe(nameOf(container)));
        return `${name} on ${safe(container.host)}: ended with exit code ${code}\n`;
      },
      quiet: ({ exitCode }) => String(exitCode),
      code: (result) => exitCodeOfContainers(result.values),
    });
  },
};
