// One member of `environments` → an environment.
import type { Environment } from './environment-types.ts';
import type { Reading } from './reading.ts';
import type { Entry } from './tree.ts';

/** What an environment is read with. */
export interface EnvironmentReading extends Reading {
  readonly images: readonly string[];
  readonly project: string;
  readonly isWanted: boolean;
}

/** The environment `name`. */
export function readEnvironment(
  name: string,
  { keyPlace }: Entry,
  _reading: EnvironmentReading,
): Environment {
  return {
    name,
    engine: 'docker',
    hosts: [],
    services: [],
    networks: [],
    volumes: [],
    hooks: {},
    retain: 5,
    lockTimeoutMs: 0,
    place: keyPlace,
  };
}
