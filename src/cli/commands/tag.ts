// `shipper tag`: more names for an image.
import { given } from '../../core/given.ts';
import type { TagRequest } from '../../operations/copy-types.ts';
import { tagText } from '../../report/copy-report.ts';
import { safe } from '../../report/text.ts';
import { EXIT } from '../exit-code.ts';
import { MEDIA_OPTIONS, type MediaFlags, mediaOptions } from '../options.ts';
import { printAnswer, withProgress } from '../session.ts';
import { parseWord } from '../values.ts';
import type { Verb } from '../verb.ts';

interface TagFlags extends MediaFlags {
  readonly dryRun?: boolean;
}

export const tagVerb: Verb<TagFlags> = {
  name: 'tag',
  summary: 'give an image more names where it is',
  about: `Gives an image of a registry, an engine or an OCI layout more names, without moving a layer. A NAME
that is one word is a tag beside the source's own (app:1 becomes app:stable), NAME:TAG a whole name
in the same registry or engine; in layouts any text is a name. What a name meant before is told.`,
  args: [
    { name: 'SOURCE', about: 'an image, as in flatten', value: 'image' },
    { name: 'NAME', about: 'a tag or a whole name', value: 'none', repeats: true },
  ],
  options: [
    { flags: '--dry-run', about: 'report, change nothing', group: 'How it runs:' },
    ...MEDIA_OPTIONS,
  ],
  examples: [
    ['shipper tag docker://registry.example.com/app:1.2.3 1.2 1 latest', 'in a registry'],
    ['shipper tag app:1 registry.example.com/app:1', 'in the engine'],
    ['shipper tag oci:layout:app app:stable', 'in an OCI layout'],
  ],

  async run(session, [source = '', ...names], flags) {
    parseWord('SOURCE', source);
    for (const name of names) parseWord('NAME', name);
    const { operations } = session;
    const request: TagRequest = {
      source,
      names,
      ...mediaOptions(flags),
      ...given({ dryRun: flags.dryRun }),
    };
    const report = await withProgress(session, `shipper tag ${source}`, (inside, ctx) =>
      operations.tagImage(inside, ctx, request),
    );
    await printAnswer(session, {
      json: report,
      quiet: safe(report.digest),
      text: (options) => tagText(report, options),
    });
    return EXIT.done;
  },
};
