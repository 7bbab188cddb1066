// From what a caller means to the containers of one host: a filter is asked of the engine, containers that were seen before are
// taken as they are.

import type { Context } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import type { RolloutHost } from '../rollout/host.ts';
import { scopeLabels } from '../rollout/labels.ts';
import { chooseServices } from '../rollout/wanted.ts';
import { type FleetContainer, fleetContainer } from './fleet-container.ts';
import { GroupResult } from './group-result.ts';
import { type ContainerFilter, inOrder, isChosen } from './selection.ts';
import type { Home } from './targets.ts';

/** The containers that are meant: by a filter, or those that an earlier call gave. */
export type Chosen =
  | ContainerFilter
  | FleetContainer
  | readonly FleetContainer[]
  | GroupResult<FleetContainer>
  | GroupResult<readonly FleetContainer[]>;

/** The same, understood. */
export type Choice =
  | { readonly kind: 'filter'; readonly filter: ContainerFilter }
  | { readonly kind: 'these'; readonly containers: readonly FleetContainer[] };

/** What is meant. `USAGE` for a service that the environment does not have, and for services where there is none. */
export function choiceOf(chosen: Chosen, home: Home | undefined): Choice {
  if (chosen instanceof GroupResult) return { kind: 'these', containers: chosen.values.flat() };
  if (Array.isArray(chosen)) return { kind: 'these', containers: chosen };
  if (isContainer(chosen)) return { kind: 'these', containers: [chosen] };
  const filter = chosen as ContainerFilter;
  const { services = [] } = filter;
  if (services.length === 0 || home === undefined) return { kind: 'filter', filter };
  return { kind: 'filter', filter: { ...filter, services: serviceNames(home, services) } };
}

/** `chosen`, of these services where it is a filter that names none. */
export function ofServices(chosen: Chosen, services: readonly string[]): Chosen {
  if (chosen instanceof GroupResult || Array.isArray(chosen) || isContainer(chosen)) return chosen;
  const filter = chosen as ContainerFilter;
  const { services: own = [] } = filter;
  return own.length > 0 || services.length === 0 ? filter : { ...filter, services };
}

/** The same, only those that run: for commands in them. */
export function runningOf(chosen: Chosen): Chosen {
  if (chosen instanceof GroupResult || Array.isArray(chosen) || isContainer(chosen)) return chosen;
  return { state: 'running', ...(chosen as ContainerFilter) };
}

function isContainer(chosen: Chosen): chosen is FleetContainer {
  return 'id' in chosen && 'host' in chosen;
}

/** Groups as the services that run an image of theirs. `USAGE` for what is neither. */
export function serviceNames(
  { project, environment }: Home,
  words: readonly string[],
): readonly string[] {
  const names = words.flatMap((word) => {
    if (environment.services.some(({ name }) => name === word)) return [word];
    const group = project.groups.find(({ name }) => name === word);
    if (group === undefined) return [word];
    const own = environment.services.flatMap(({ name, image }) =>
      image.kind === 'project' && group.images.includes(image.image) ? [name] : [],
    );
    if (own.length > 0) return own;
    const message = `Cannot use group ${word}: no service of ${environment.name} runs an image of it`;
    throw new ShipperError('USAGE', message);
  });
  return chooseServices(environment, names).map(({ name }) => name);
}

/** The containers of `host` that are meant, by service, slot and name. */
export async function containersOn(
  ctx: Context,
  host: RolloutHost,
  choice: Choice,
  home: Home | undefined,
): Promise<readonly FleetContainer[]> {
  if (choice.kind === 'these') return choice.containers.filter((each) => each.host === host.name);
  const { filter } = choice;
  const { services, foreign = false } = filter;
  const isOwn = home !== undefined && !foreign;
  const listed = await host.engine.containers.list(ctx, isOwn ? scopeLabels(home.scope) : []);
  const all = listed.map((each) => fleetContainer(host.name, each));
  const ofServices = all.filter(
    ({ owned }) => services === undefined || (owned !== undefined && isOf(owned.service, services)),
  );
  return inOrder(ofServices.filter((each) => isChosen(each, filter)));
}

function isOf(service: string, services: readonly string[]): boolean {
  return services.length === 0 || services.includes(service);
}
