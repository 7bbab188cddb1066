// One member of `environments` → an environment.

import { isAbsolute } from 'node:path';
import { isShipperError, type Place } from '../core/errors.ts';
import { given } from '../core/given.ts';
import { parseHost } from '../engine/host.ts';
import { circles } from './check-names.ts';
import type {
  Environment,
  Hooks,
  HostChoice,
  NetworkChoice,
  VolumeChoice,
} from './environment-types.ts';
import { readContainer, type ServiceReading } from './read-container.ts';
import { duration, readDeploy } from './read-deploy.ts';
import {
  absolute,
  flag,
  looksWhole,
  number,
  type Reading,
  record,
  text,
  wholeReference,
} from './reading.ts';
import type { ServiceChoice } from './service-types.ts';
import { child, type Entry, entriesOf, itemsOf, type Tree, textOf } from './tree.ts';

/** What an environment is read with. */
export interface EnvironmentReading extends Reading {
  readonly platform: NodeJS.Platform;
  readonly images: readonly string[];
  readonly project: string;
  /** Somebody is about to work with it, so that nothing may be missing. */
  readonly isWanted: boolean;
}

const RETAIN = 5;

/** The environment `name`. */
export function readEnvironment(
  name: string,
  { keyPlace, value }: Entry,
  reading: EnvironmentReading,
): Environment {
  const engine = text(value, 'engine') === 'swarm' ? 'swarm' : 'docker';
  const hosts = readHosts(value, reading);
  if (itemsOf(child(value, 'hosts')).length === 0 && reading.isWanted) {
    const hint = `write hosts: [ssh://user@host] in ${name}`;
    reading.problems.add(keyPlace, `the environment ${JSON.stringify(name)} has no hosts`, hint);
  }
  const networks = readNetworks(name, value, reading);
  const volumes = entriesOf(child(value, 'volumes')).map((entry) =>
    readDeclared(name, entry, reading),
  );
  const serviceReading: ServiceReading = {
    ...reading,
    networks: networks.map(({ key }) => key),
    volumes: volumes.map(({ key }) => key),
  };
  const all = child(value, 'services');
  const services = entriesOf(all && reading.problems.capped(all, 'services'))
    .filter(([, entry]) => entry.value.kind === 'map')
    .map(([each, entry]) => readService(each, entry, engine, reading.images, serviceReading));
  checkOrder(value, services, reading);
  return {
    name,
    engine,
    hosts,
    services,
    networks,
    volumes,
    hooks: readHooks(value, reading),
    transfer: text(value, 'transfer') === 'direct' ? 'direct' : 'pull',
    retain: number(value, 'retain') ?? RETAIN,
    lockTimeoutMs: duration(value, 'lock_timeout') ?? 0,
    place: keyPlace,
  };
}

function readHosts(tree: Tree, { problems, platform }: EnvironmentReading): readonly HostChoice[] {
  const hosts: HostChoice[] = [];
  for (const item of itemsOf(child(tree, 'hosts'))) {
    const address = textOf(item) ?? text(item, 'context');
    if (address === undefined) continue;
    const kind = item.kind === 'map' ? 'context' : 'host';
    const first = hosts.find((host) => host.kind === kind && host.address === address);
    if (first !== undefined) {
      problems.add(
        item.place,
        `the host ${shownHost(address)} stands twice, first in line ${first.place.line}`,
      );
      continue;
    }
    // Another scheme is no address at all, which the schema has told.
    if (kind === 'host' && /^(?:ssh|tcp|unix|https?):/.test(address)) {
      const fault = hostFault(address, platform);
      if (fault !== undefined)
        problems.add(item.place, `the host ${shownHost(address)} cannot be used: ${fault}`);
    }
    hosts.push({ kind, address, place: item.place });
  }
  return hosts;
}

/** Without a password that may stand in it. */
function shownHost(address: string): string {
  return JSON.stringify(address.replace(/\/\/([^/@:]*):[^/@]*@/, '//$1:***@'));
}

function hostFault(address: string, platform: NodeJS.Platform): string | undefined {
  try {
    parseHost(address, { tls: undefined, platform, origin: 'hosts' });
    return undefined;
  } catch (error) {
    if (!isShipperError(error)) throw error;
    return error.message.replace(/^Cannot use [^:]*"(?:[^"\\]|\\.)*"[^:]*: /, '');
  }
}

function readService(
  name: string,
  { keyPlace, value }: Entry,
  engine: Environment['engine'],
  images: readonly string[],
  reading: ServiceReading,
): ServiceChoice {
  const dependsOn = child(value, 'depends_on');
  return {
    name,
    image: readImage(name, value, keyPlace, images, reading),
    container: readContainer(value, reading),
    deploy: readDeploy(value, engine, reading),
    dependsOn:
      dependsOn?.kind === 'map'
        ? [...dependsOn.entries.keys()]
        : itemsOf(dependsOn).flatMap((item) => textOf(item) ?? []),
    place: keyPlace,
  };
}

function readImage(
  name: string,
  service: Tree,
  place: Place,
  images: readonly string[],
  { problems }: Reading,
): ServiceChoice['image'] {
  const tree = child(service, 'image');
  const words = textOf(tree);
  if (tree === undefined) {
    const hint = 'name one of images:, or write a whole reference';
    problems.add(place, `the service ${JSON.stringify(name)} has no "image"`, hint);
  }
  if (tree === undefined || words === undefined) return { kind: 'image', reference: '' };
  if (images.includes(words)) return { kind: 'project', image: words };
  if (!looksWhole(words)) {
    const whole = 'an image that is not of this file is written with its tag: name:tag';
    problems.unknown(tree.place, 'image', words, images, whole);
    return { kind: 'image', reference: '' };
  }
  if (!/[:@][^/]*$/.test(words)) {
    problems.add(
      tree.place,
      `the reference ${JSON.stringify(words)} has neither tag nor digest`,
      `write ${words}:TAG`,
    );
  }
  return { kind: 'image', reference: wholeReference(words, tree.place, problems) ?? '' };
}

/** Tells of services that wait for what is not there, or for each other. */
function checkOrder(tree: Tree, services: readonly ServiceChoice[], { problems }: Reading): void {
  const names = services.map(({ name }) => name);
  const places = new Map<string, Place>();
  for (const { name, dependsOn, place } of services) {
    const found = child(child(child(tree, 'services'), name), 'depends_on');
    for (const other of dependsOn) {
      const item = itemsOf(found).find((each) => textOf(each) === other);
      const at =
        item?.place ??
        (found?.kind === 'map' ? found.entries.get(other)?.keyPlace : undefined) ??
        place;
      places.set(`${name} ${other}`, at);
      if (!names.includes(other)) problems.unknown(at, 'service', other, names);
    }
  }
  const edges = new Map(services.map(({ name, dependsOn }) => [name, dependsOn]));
  for (const circle of circles(edges)) {
    const place = places.get(circle.slice(-2).join(' '));
    if (place !== undefined) {
      problems.add(place, `services depend on each other in a circle: ${circle.join(' -> ')}`);
    }
  }
}

function readNetworks(
  environment: string,
  tree: Tree,
  reading: EnvironmentReading,
): readonly NetworkChoice[] {
  return entriesOf(child(tree, 'networks')).map((entry) => ({
    ...readDeclared(environment, entry, reading),
    attachable: flag(entry[1].value, 'attachable') ?? false,
    internal: flag(entry[1].value, 'internal') ?? false,
    ipv6: flag(entry[1].value, 'enable_ipv6') ?? false,
  }));
}

function readDeclared(
  environment: string,
  [key, { keyPlace, value }]: readonly [string, Entry],
  { project }: EnvironmentReading,
): VolumeChoice {
  const external = flag(value, 'external') ?? false;
  return {
    key,
    name: text(value, 'name') ?? (external ? key : `${project}-${environment}-${key}`),
    external,
    ...given({ driver: text(value, 'driver') }),
    driverOptions: record(value, 'driver_opts'),
    labels: record(value, 'labels'),
    place: keyPlace,
  };
}

function readHooks(tree: Tree, reading: Reading): Hooks {
  const hooks = child(tree, 'hooks');
  const program = (key: string): string | undefined => {
    const words = text(hooks, key);
    if (words === undefined || isAbsolute(words) || !/^~?\/|\//.test(words)) return words;
    return absolute(reading, words);
  };
  return given({
    preRollout: program('pre-rollout'),
    route: program('route'),
    drain: program('drain'),
    postRollout: program('post-rollout'),
  });
}
