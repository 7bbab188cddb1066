// `shipper docker-plugin install`: makes `docker shipper …` a command.
import { ShipperError } from '../../core/errors.ts';
import { safe } from '../../report/text.ts';
import type { System } from '../../system/system.ts';
import { MARK, pluginScript } from '../docker-plugin.ts';
import { EXIT } from '../exit-code.ts';
import { printAnswer } from '../session.ts';
import { choiceOf } from '../values.ts';
import type { Verb } from '../verb.ts';

const ACTIONS = ['install', 'uninstall'] as const;
const SCRIPT_BYTES = 65_536;

export const dockerPluginVerb: Verb = {
  name: 'docker-plugin',
  summary: 'make "docker shipper …" a command',
  about: `Writes a plugin of the docker command for this user, in $DOCKER_CONFIG/cli-plugins (~/.docker if that is not
set): from then on "docker shipper flatten app" is "shipper flatten app", with the context and host of docker.
It starts this shipper by its path. A file of that name that shipper did not write is left alone.`,
  args: [{ name: 'ACTION', about: 'install or uninstall', choices: ACTIONS }],
  options: [],
  examples: [
    ['shipper docker-plugin install', 'then: docker shipper flatten app:latest'],
    ['shipper docker-plugin uninstall', 'takes it back'],
  ],

  async run(session, [word = '']) {
    const action = choiceOf(ACTIONS)('ACTION', word);
    const { system } = session;
    const docker = system.env['DOCKER_CONFIG'] || `${system.homedir}/.docker`;
    const file = `${docker}/cli-plugins/docker-shipper`;
    await requireOurs(system, file);
    if (action === 'install') await install(system, file);
    else await system.files.remove(file);
    const done = action === 'install' ? 'is written: docker shipper --help' : 'is removed';
    await printAnswer(session, {
      json: { file },
      quiet: safe(file),
      text: () => `${safe(file)} ${done}\n`,
    });
    return EXIT.done;
  },
};

async function install({ files, program, random }: System, file: string): Promise<void> {
  if (program === undefined)
    throw new ShipperError(
      'UNSUPPORTED',
      'Cannot install a plugin: it is not known how this shipper is started',
    );
  const folder = file.slice(0, file.lastIndexOf('/'));
  await files.makeDirectory(folder);
  const fresh = `${file}.${random(6)}.tmp`;
  const written = await files.create(fresh, 0o755);
  try {
    await written.write(new TextEncoder().encode(pluginScript(program)), 0);
    await written.close();
    await files.rename(fresh, file);
  } catch (error) {
    await files.remove(fresh);
    throw error;
  }
}

/** Throws `OUTPUT_CONFLICT` where somebody else's file lies. */
async function requireOurs({ files }: System, file: string): Promise<void> {
  if ((await files.lstat(file)) === undefined) return;
  const text = new TextDecoder().decode(await files.read(file, SCRIPT_BYTES));
  if (text.includes(MARK)) return;
  throw new ShipperError(
    'OUTPUT_CONFLICT',
    `Cannot write ${file}: shipper did not write what is there`,
    {
      path: file,
      hint: 'Remove it first if it is not needed',
    },
  );
}
