// What containers use, as a table: once, or drawn over itself. Types only from the fleet.
import type { Failure } from '../core/errors.ts';
import type { TopContainer } from '../fleet/top.ts';
import type { TextOptions } from './findings.ts';
import { nameOf } from './fleet-text.ts';
import { type Align, formatBytes, formatMany, formatPercent, formatTable } from './format.ts';
import { safe } from './text.ts';

/** One host: what it runs, or why it does not answer. */
export interface TopHost {
  readonly host: string;
  /** Undefined before its first answer. */
  readonly containers: readonly TopContainer[] | undefined;
  readonly error?: Failure;
}

const ALIGNS: readonly Align[] = ['left', 'left', 'left', 'left', 'right', 'right', 'left'];

/** The table of `shipper top`: hosts with their sums, and below each its containers. */
export function topText(hosts: readonly TopHost[], { colours }: TextOptions): string {
  const head = ['name', 'state', 'health', 'release', 'cpu', 'memory', ''];
  const rows = hosts.flatMap(({ host, containers, error }) => {
    const name = colours.bold(safe(host));
    if (error !== undefined)
      return [[name, colours.red('no answer'), '', '', '', '', safe(error.message)]];
    if (containers === undefined) return [[name, colours.dim('asked'), '', '', '', '', '']];
    const count = formatMany(containers.length, 'container');
    const sum = [
      name,
      count,
      '',
      '',
      cpuText(cpusOf(containers)),
      formatBytes(bytesOf(containers)),
      '',
    ];
    return [sum, ...containers.map((each) => rowOf(each, colours))];
  });
  const lines = formatTable([head.map((word) => colours.dim(word)), ...rows], ALIGNS);
  return lines.map((line) => `${line}\n`).join('');
}

function rowOf(each: TopContainer, colours: TextOptions['colours']): string[] {
  const { container, memoryBytes, memoryLimitBytes = 0 } = each;
  const { status, health, owned } = container;
  const limit =
    memoryLimitBytes > 0 && memoryBytes !== undefined
      ? `${formatPercent(memoryBytes, memoryLimitBytes)} of ${formatBytes(memoryLimitBytes)}`
      : '';
  return [
    `  ${safe(nameOf(container))}`,
    status === 'running' ? status : colours.red(status),
    health === 'unhealthy' ? colours.red(health) : (health ?? '-'),
    safe(owned?.release ?? '-'),
    cpuText(each.cpus),
    memoryBytes === undefined ? '-' : formatBytes(memoryBytes),
    limit,
  ];
}

function cpusOf(containers: readonly TopContainer[]): number {
  return containers.reduce((sum, { cpus = 0 }) => sum + cpus, 0);
}

function bytesOf(containers: readonly TopContainer[]): number {
  return containers.reduce((sum, { memoryBytes = 0 }) => sum + memoryBytes, 0);
}

/** As the docker command has it: 100% is one processor. */
function cpuText(cpus: number | undefined): string {
  return cpus === undefined ? '-' : `${(cpus * 100).toFixed(1)}%`;
}
