// `shipper inspect`: what an image consists of.
import { inspectText } from '../../report/inspect-report.ts';
import { safe } from '../../report/text.ts';
import { EXIT } from '../exit-code.ts';
import {
  LIMIT_OPTIONS,
  MEDIA_OPTIONS,
  MERGE_OPTIONS,
  type MediaFlags,
  type MergeFlags,
  type PlatformFlags,
  platformOption,
  readOptions,
} from '../options.ts';
import { printAnswer, withProgress } from '../session.ts';
import { checkStdin } from '../streams.ts';
import { parseWord } from '../values.ts';
import type { Verb } from '../verb.ts';

type InspectFlags = MediaFlags & MergeFlags & PlatformFlags;

export const inspectVerb: Verb<InspectFlags> = {
  name: 'inspect',
  summary: 'show layers, what each adds, hides and replaces, and the flat size',
  about: `Shows the layers of an image: their sizes, what each adds, hides and replaces of the layers below,
and the size that the image has when it is flat. With --quiet only the image ids are printed.`,
  args: [{ name: 'IMAGE', about: 'an image, as in flatten', value: 'image' }],
  options: [
    platformOption('What is shown:', 'every platform of an index'),
    ...MERGE_OPTIONS,
    ...LIMIT_OPTIONS,
    ...MEDIA_OPTIONS,
  ],
  examples: [
    ['shipper inspect app:latest', 'an image of the engine'],
    ['shipper inspect app.tar --json', 'all of it as JSON'],
  ],

  async run(session, [image = ''], flags) {
    const { system, operations } = session;
    parseWord('IMAGE', image);
    checkStdin(system, [image]);
    const options = readOptions(flags);
    const report = await withProgress(session, `shipper inspect ${image}`, (inside, ctx) =>
      operations.inspectImage(inside, ctx, image, options),
    );
    await printAnswer(session, {
      json: report,
      quiet: report.platforms.map(({ configDigest }) => safe(configDigest)).join('\n'),
      text: (how) => inspectText(report, how),
    });
    return EXIT.done;
  },
};
