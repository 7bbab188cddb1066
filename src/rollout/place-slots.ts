// Which slot is on which host: pure, the same for the same facts. A slot stays where it is as long as no host has more than
// its share, so that a host more or less moves few containers.

/**
 * Places slots 1 to `count`, at most `ceil(count / engines)` on each. `current` is where slots are now; engines that are not
 * in `engines` do not count.
 */
export function placeSlots(
  count: number,
  engines: readonly string[],
  current: ReadonlyMap<number, string>,
): ReadonlyMap<number, string> {
  const placed = new Map<number, string>();
  if (engines.length === 0) return placed;
  const share = Math.ceil(count / engines.length);
  const load = new Map(engines.map((engine) => [engine, 0]));
  const put = (slot: number, engine: string) => {
    placed.set(slot, engine);
    load.set(engine, (load.get(engine) ?? 0) + 1);
  };
  for (let slot = 1; slot <= count; slot += 1) {
    const engine = current.get(slot);
    if (engine !== undefined && (load.get(engine) ?? share) < share) put(slot, engine);
  }
  for (let slot = 1; slot <= count; slot += 1) {
    if (!placed.has(slot)) put(slot, leastLoaded(load));
  }
  return placed;
}

/** One slot on each engine: the one that it has, else the lowest number that is free. */
export function placeGlobal(
  engines: readonly string[],
  current: ReadonlyMap<number, string>,
): ReadonlyMap<number, string> {
  const placed = new Map<number, string>();
  const homeless = new Set(engines);
  for (const [slot, engine] of [...current].sort(([a], [b]) => a - b)) {
    if (homeless.delete(engine)) placed.set(slot, engine);
  }
  let slot = 1;
  for (const engine of engines) {
    if (!homeless.has(engine)) continue;
    while (placed.has(slot)) slot += 1;
    placed.set(slot, engine);
  }
  return placed;
}

/** Of several the first. */
function leastLoaded(load: ReadonlyMap<string, number>): string {
  const [first] = [...load].sort(([, a], [, b]) => a - b);
  return first?.[0] ?? '';
}
