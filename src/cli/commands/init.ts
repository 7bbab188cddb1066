// `shipper init`: a commented shipper.yaml for the folder it stands in.
import { basename } from 'node:path';
import type { InitReport } from '../../config/init.ts';
import { safe } from '../../report/text.ts';
import { EXIT } from '../exit-code.ts';
import { printAnswer } from '../session.ts';
import type { Verb } from '../verb.ts';

export const initVerb: Verb = {
  name: 'init',
  summary: 'write a commented shipper.yaml for this folder',
  about: `Writes shipper.yaml for the folder it is started in: an image for each Dockerfile here and in the
folders of this one, the Compose or bake file that builds images, a registry where the git remote
has one, and comments that say what more there is. A file that is there is never overwritten.`,
  args: [],
  options: [],
  examples: [
    ['shipper init', 'in the folder of a project'],
    ['shipper -C shop init', 'in another one'],
  ],

  async run(session) {
    const { system, operations } = session;
    const report = await operations.writeConfig(system);
    await printAnswer(session, {
      json: report,
      quiet: safe(report.file),
      text: () => initText(report),
    });
    return EXIT.done;
  },
};

function initText({ file, images, included }: InitReport): string {
  const parts = [
    ...(images.length === 0 ? [] : [`images: ${images.join(', ')}`]),
    ...(included.length === 0 ? [] : [`includes ${included.join(', ')}`]),
  ];
  const found = parts.length === 0 ? 'no Dockerfile was found: see its comments' : parts.join('; ');
  return `${safe(`${basename(file)} is written: ${found}`)}\n`;
}
