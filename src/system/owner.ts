// Names temporary files after the process that made them, so that a later run can tell whose left-overs they are.

import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import type { TempOwner } from './system.ts';

let owner: TempOwner | undefined;

/** The owner of this process's temporary files: one, however many Systems there are. */
export function processOwner(): TempOwner {
  owner ??= createOwner();
  return owner;
}

function createOwner(): TempOwner {
  const machine = machineTag();
  const tag = `${machine}-${process.pid}-${startTime(process.pid) ?? 0}`;
  const toRemove = new Set<string>();
  process.once('exit', () => {
    for (const path of toRemove) rmSync(path, { recursive: true, force: true });
  });
  return {
    tag,
    isDead(other) {
      const [otherMachine, pidText, start] = other.split('-');
      // Another machine or container sharing the folder: its processes cannot be seen from here.
      if (otherMachine !== machine) return undefined;
      const pid = Number(pidText);
      if (!Number.isInteger(pid) || pid <= 0) return undefined;
      const now = startTime(pid);
      return now === undefined ? !isRunning(pid) : String(now) !== start;
    },
    onExitRemove(path) {
      toRemove.add(path);
      return () => toRemove.delete(path);
    },
  };
}

/** Boot, process-id namespace and host name, hashed: equal only where process ids mean the same. */
function machineTag(): string {
  const boot = tryRead(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')) ?? '';
  const namespace = tryRead(() => readlinkSync('/proc/self/ns/pid')) ?? '';
  return createHash('sha256').update(`${boot}${namespace}${hostname()}`).digest('hex').slice(0, 8);
}

/** When a process started, in clock ticks since boot (proc(5), stat, field 22); undefined where it does not run. */
function startTime(pid: number): number | undefined {
  const stat = tryRead(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  if (stat === undefined) return undefined;
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function tryRead(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
