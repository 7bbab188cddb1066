// `ports:` of a service → ports, one by one.
import { given } from '../core/given.ts';
import type { Problems } from './problems.ts';
import { choice, text } from './reading.ts';
import type { PortChoice } from './service-types.ts';
import { child, itemsOf, type Tree, textOf } from './tree.ts';

/** The ports of `service`; a range is as many of them. */
export function readPorts(service: Tree, problems: Problems): readonly PortChoice[] {
  return itemsOf(child(service, 'ports')).flatMap((item) =>
    item.kind === 'map' ? [longForm(item)] : shortForm(item, problems),
  );
}

function longForm(tree: Tree): PortChoice {
  return {
    target: Number(text(tree, 'target')),
    ...given({ published: text(tree, 'published'), hostIp: text(tree, 'host_ip') }),
    protocol: choice(tree, 'protocol', ['tcp', 'udp', 'sctp']) ?? 'tcp',
    mode: choice(tree, 'mode', ['ingress', 'host']) ?? 'ingress',
  };
}

const SHORT =
  /^(?:(\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\]):)?(?:(\d+(?:-\d+)?)?:)?(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/;

function shortForm(item: Tree, problems: Problems): readonly PortChoice[] {
  const words = textOf(item) ?? '';
  const [, ip, published, first, last = first, protocol] = SHORT.exec(words) ?? [];
  if (first === undefined) return [];
  const count = Number(last) - Number(first) + 1;
  const [from, to] = (published ?? '').split('-').map(Number);
  const isRange = to !== undefined;
  const fault =
    count < 1 || (isRange && to < (from ?? 0))
      ? 'the range ends before it begins'
      : [Number(first), Number(last), from ?? 0, to ?? 0].some((port) => port > 65_535) ||
          Number(first) === 0
        ? 'a port is from 1 to 65535'
        : count > 1 && published !== undefined && (to ?? from ?? 0) - (from ?? 0) + 1 !== count
          ? 'both ranges must be of the same length'
          : undefined;
  if (fault !== undefined) {
    problems.add(item.place, `the ports ${JSON.stringify(words)} cannot be used: ${fault}`);
    return [];
  }
  return Array.from({ length: count }, (_, at) => ({
    target: Number(first) + at,
    ...given({
      published: published === undefined || count === 1 ? published : String((from ?? 0) + at),
      hostIp: ip?.replace(/^\[|\]$/g, ''),
    }),
    protocol: protocol === 'udp' || protocol === 'sctp' ? protocol : 'tcp',
    mode: 'ingress' as const,
  }));
}
