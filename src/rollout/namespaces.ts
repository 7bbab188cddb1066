// Namespaces that a container shares: with its host, with another container, with nobody. Pure.
import { ShipperError } from '../core/errors.ts';

/** `words` of `key`, for the API. `UNSUPPORTED` for another service: which of its containers, and for how long, is not said. */
export function namespaceOf(
  service: string,
  key: string,
  words: string | undefined,
): string | undefined {
  if (words === undefined || !words.startsWith('service:')) return words;
  const message = `Cannot use ${key} ${JSON.stringify(words)} of ${service}: the containers of a service come and go`;
  const hint = 'let both join one network, or name a container: container:NAME';
  throw new ShipperError('UNSUPPORTED', message, { hint });
}
