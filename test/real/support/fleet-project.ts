// A project whose environments are on the three hosts of a fleet: its shipper.yaml, the command line as built, and what runs there.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RolloutReport } from '../../../src/rollout/rollout-types.ts';
import { type Fleet, startFleet } from './fleet.ts';
import { busyboxImage } from './images.ts';
import { tryRun } from './run.ts';
import { CLI } from './shipper.ts';
import { startShipper, type Watched } from './watched.ts';

/** What the one service, `api`, does. */
export interface FleetChoice {
  readonly command: string;
  /** `update_config` and its like. */
  readonly deploy?: string;
}

/** A report, and the exit code that came with it. */
export type Reported = RolloutReport & { readonly exit: number | null };

const QUICK =
  'update_config: { parallelism: 3, monitor: 500ms }, rollback_config: { parallelism: 0, monitor: 500ms }';

/** One on each host. */
const REPLICAS = 3;

/** See the head of this file: `staging`, and `production` like it. */
export class FleetProject implements AsyncDisposable {
  readonly fleet: Fleet;
  /** A flattened image in the fleet's registry; its origin has the tag `1`. */
  readonly image: string;
  readonly #folder: string;

  private constructor(fleet: Fleet) {
    this.fleet = fleet;
    this.image = `${fleet.registry.address}/shop/api:flat`;
    this.#folder = join(fleet.directory, 'project');
  }

  /** Starts a fleet, and puts a flattened image into its registry. */
  static async start(): Promise<FleetProject> {
    const project = new FleetProject(await startFleet());
    try {
      mkdirSync(project.#folder);
      const [first] = project.fleet.hosts;
      const origin = project.image.replace(':flat', ':1');
      await busyboxImage(first.engine, origin);
      await first.engine.cli('push', origin);
      const flat = ['flatten', `docker://${origin}`, '-t', project.image, ...project.registry];
      const { status, stderr } = await project.shipper(flat);
      if (status !== 0) throw new Error(stderr);
      return project;
    } catch (error) {
      await project[Symbol.asyncDispose]();
      throw error;
    }
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.fleet[Symbol.asyncDispose]();
  }

  /** Options for the fleet's registry. */
  get registry(): readonly string[] {
    return ['--insecure', this.fleet.registry.address];
  }

  /** Writes shipper.yaml. */
  configure({ command, deploy = QUICK }: FleetChoice): void {
    const hosts = this.fleet.hosts.map(({ choice }) => `      - ${choice}`).join('\n');
    writeFileSync(
      join(this.#folder, 'shipper.yaml'),
      `project: shop
environments:
  staging:
    hosts:
${hosts}
    retain: 2
    services:
      api:
        image: ${this.image}
        command: ["sh", "-c", ${JSON.stringify(command)}]
        stop_grace_period: 2s
        deploy: { replicas: ${REPLICAS}, ${deploy} }
  production:
    extends: staging
`,
    );
  }

  get #place() {
    const env = { ...this.fleet.env, DOCKER_HOST: undefined, SHIPPER_PROGRESS: 'plain' };
    return { cwd: this.#folder, env };
  }

  shipper(args: readonly string[]) {
    return tryRun(process.execPath, [CLI, ...args], this.#place);
  }

  /** `shipper rollout staging`, to its end. */
  rollout(...more: readonly string[]): Promise<Reported> {
    return this.reported(['rollout', 'staging', ...this.registry, ...more]);
  }

  async reported(args: readonly string[]): Promise<Reported> {
    const { status, stdout, stderr } = await this.shipper([...args, '--json']);
    try {
      return { ...(JSON.parse(stdout) as RolloutReport), exit: status };
    } catch {
      throw new Error(`shipper ${args.join(' ')} ended with ${status}: ${stderr}${stdout}`);
    }
  }

  /** `shipper rollout staging`, watched. */
  start(...more: readonly string[]): Watched {
    return startShipper(['rollout', 'staging', ...this.registry, ...more], this.#place);
  }

  /** What runs in `environment`, over all hosts: `api.1=v1 …`, sorted by slot. */
  async running(environment = 'staging'): Promise<string> {
    const found = await Promise.all(
      this.fleet.hosts.map(async ({ engine }) => {
        const format = '{{.Label "shipper.service"}}.{{.Label "shipper.slot"}} {{.Command}}';
        const labels = ['shipper.managed=1', `shipper.env=${environment}`];
        const filter = labels.flatMap((label) => ['--filter', `label=${label}`]);
        const text = await engine.cli('ps', '--no-trunc', ...filter, '--format', format);
        return text.split('\n').filter((line) => line !== '');
      }),
    );
    return found
      .flat()
      .map((line) => line.replace(/^(\S+) .*echo (\w+) .*$/, '$1=$2'))
      .sort()
      .join(' ');
  }
}

/** A command that serves its version over http until it is asked to stop. */
export function serves(version: string): string {
  return `mkdir -p /www; echo ${version} > /www/index.html; trap 'exit 0' TERM; httpd -p 80 -h /www; sleep 100000 & wait`;
}

/** What runs when all is of one version. */
export function allOf(version: string): string {
  return Array.from({ length: REPLICAS }, (_, index) => `api.${index + 1}=${version}`).join(' ');
}
