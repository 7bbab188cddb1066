// `docker shipper …`: shipper as a plugin of the docker command (docker/cli, cli-plugins/manager). The docker command starts
// `docker-shipper` with its own global options in front of the plugin's name, and asks for metadata beforehand.
import { VERSION } from './version.ts';

/** Set by the script that `shipper docker-plugin install` writes. */
export const PLUGIN_VARIABLE = 'SHIPPER_DOCKER_PLUGIN';

/** What the docker command asks with, before anything else. */
export const METADATA_WORD = 'docker-cli-plugin-metadata';

/** The answer. The version of the schema is the only one that every docker command takes. */
export function pluginMetadata(): string {
  return `${JSON.stringify({
    SchemaVersion: '0.1.0',
    Vendor: 'shipper',
    Version: VERSION,
    ShortDescription: 'Flatten images exactly, and ship groups of them',
  })}\n`;
}

/** A call of the plugin as one of shipper. */
export interface PluginCall {
  readonly argv: readonly string[];
  /** Variables that say what the docker command's options said. */
  readonly env: Readonly<Record<string, string>>;
}

/** Options of the docker command that have a value, by all their names; the variable that says the same. */
const VALUED: Readonly<Record<string, string | undefined>> = {
  '--config': 'DOCKER_CONFIG',
  '-c': 'DOCKER_CONTEXT',
  '--context': 'DOCKER_CONTEXT',
  '-H': 'DOCKER_HOST',
  '--host': 'DOCKER_HOST',
  '-l': undefined,
  '--log-level': undefined,
  '--tlscacert': undefined,
  '--tlscert': undefined,
  '--tlskey': undefined,
};

/**
 * `["--context", "x", "-D", "shipper", "flatten", "app"]` becomes `flatten app` with `DOCKER_CONTEXT=x`: variables, because
 * not every command of shipper has an engine. What the docker command does not put in front is shipper's own.
 */
export function pluginCall(argv: readonly string[]): PluginCall {
  const env: Record<string, string> = {};
  const own: string[] = [];
  const words = argv.values();
  for (const word of words) {
    if (word === 'shipper') break;
    const [name, value] = splitOption(word);
    if (Object.hasOwn(VALUED, name)) {
      const given = value ?? words.next().value ?? '';
      const variable = VALUED[name];
      if (variable !== undefined) env[variable] = given;
      // A context that is asked for counts more than the host of the environment, which would win as a variable.
      if (variable === 'DOCKER_CONTEXT') env['DOCKER_HOST'] = '';
    } else if (word === '-D' || word === '--debug') own.push('--debug');
    else if (word === '--tls') env['DOCKER_TLS'] = '1';
    else if (word === '--tlsverify') env['DOCKER_TLS_VERIFY'] = '1';
  }
  return { argv: [...words, ...own], env };
}

/** `--host=x` in two; everything else whole. */
function splitOption(word: string): readonly [string, string?] {
  const equals = word.startsWith('--') ? word.indexOf('=') : -1;
  return equals < 0 ? [word] : [word.slice(0, equals), word.slice(equals + 1)];
}

/** The program that the docker command finds. `program` is how shipper is started: the runtime and its script. */
export function pluginScript(program: readonly string[]): string {
  return `#!/bin/sh\n# ${MARK}\n${PLUGIN_VARIABLE}=1 exec ${program.map(quoted).join(' ')} "$@"\n`;
}

/** Tells a file of ours from others of its name. */
export const MARK = 'Written by "shipper docker-plugin install": docker shipper … runs shipper.';

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
