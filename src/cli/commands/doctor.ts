// `shipper doctor`: whether what the other commands need is there, and what mends it.
import { given } from '../../core/given.ts';
import { doctorText } from '../../report/doctor-report.ts';
import { EXIT } from '../exit-code.ts';
import { CONFIG_OPTION, MEDIA_OPTIONS, type MediaFlags, mediaOptions } from '../options.ts';
import { printAnswer, withProgress } from '../session.ts';
import type { Verb } from '../verb.ts';
import { ENVIRONMENT } from './environment-options.ts';

interface DoctorFlags extends MediaFlags {
  readonly config?: string;
}

export const doctorVerb: Verb<DoctorFlags> = {
  name: 'doctor',
  summary: 'whether docker, builder, registries and hosts can be reached, and what mends it',
  about: `Looks at what the other commands need: room for temporary files, shipper.yaml, the engine of this
machine and its builder, whether registries take a push of each image, whether each host of the
environments answers. Changes nothing. The exit code is 1 where something that is wanted does not
work; what is merely missing is a warning.`,
  args: [{ ...ENVIRONMENT, about: 'environments; default all', repeats: true, optional: true }],
  options: [CONFIG_OPTION, ...MEDIA_OPTIONS],
  examples: [
    ['shipper doctor', 'everything'],
    ['shipper doctor staging', 'with the hosts of one environment only'],
    ['shipper doctor --json', 'for a program'],
  ],

  async run(session, environments, { config, ...flags }) {
    const { operations } = session;
    const request = {
      ...mediaOptions(flags),
      ...given({ config }),
      ...(environments.length === 0 ? {} : { environments }),
    };
    const report = await withProgress(session, 'shipper doctor', (system, ctx) =>
      operations.examine(system, ctx, request),
    );
    const failed = report.checks.filter(({ state }) => state === 'failed');
    await printAnswer(session, {
      json: report,
      quiet: report.ok ? undefined : failed.map(({ subject }) => subject).join('\n'),
      text: (options) => doctorText(report, options),
    });
    return report.ok ? EXIT.done : EXIT.failed;
  },
};
