// `shipper init`: a commented shipper.yaml for the folder it stands in.
import { basename } from 'node:path';
import type { InitReport } from '../../config/init.ts';
import { safe } from '../../report/text.ts';
import { EXIT } from '../exit-code.ts';
import { WHAT } from '../options.ts';
import { printAnswer, type Session } from '../session.ts';
import type { Verb } from '../verb.ts';

/** `--tasks`. */
interface InitFlags {
  readonly tasks?: boolean;
}

export const initVerb: Verb<InitFlags> = {
  name: 'init',
  summary: 'write a commented shipper.yaml for this folder',
  about: `Writes shipper.yaml for the folder it is started in: an image for each Dockerfile here and in the
folders of this one, the Compose or bake file that builds images, a registry where the git remote
has one, and comments that say what more there is. A file that is there is never overwritten. With
--tasks a shipfile.ts is written instead, whose functions are commands.`,
  args: [],
  options: [
    { flags: '--tasks', about: 'write shipfile.ts, with two tasks to begin with', group: WHAT },
  ],
  examples: [
    ['shipper init', 'in the folder of a project'],
    ['shipper -C shop init', 'in another one'],
    ['shipper init --tasks', 'a file of tasks'],
  ],

  async run(session, _, { tasks = false }) {
    const { system, operations } = session;
    if (tasks) return initTasks(session);
    const report = await operations.writeConfig(system);
    await printAnswer(session, {
      json: report,
      quiet: safe(report.file),
      text: () => initText(report),
    });
    return EXIT.done;
  },
};

async function initTasks(session: Session): Promise<number> {
  const file = await session.operations.writeTasks(session.system);
  await printAnswer(session, {
    json: { file },
    quiet: safe(file),
    text: () => `${safe(basename(file))} is written: shipper --help lists its tasks\n`,
  });
  return EXIT.done;
}

function initText({ file, images, included }: InitReport): string {
  const parts = [
    ...(images.length === 0 ? [] : [`images: ${images.join(', ')}`]),
    ...(included.length === 0 ? [] : [`includes ${included.join(', ')}`]),
  ];
  const found = parts.length === 0 ? 'no Dockerfile was found: see its comments' : parts.join('; ');
  const next =
    images.length === 0 ? '' : 'Next: shipper ship --dry-run, which shows what would be done\n';
  return `${safe(`${basename(file)} is written: ${found}`)}\n${next}`;
}
