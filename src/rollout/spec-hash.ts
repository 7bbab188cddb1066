// Whether two specifications want the same container.
import { digestOf } from '../core/digest.ts';

/** 16 hex characters; the order of members makes no difference. */
export function specHash(value: unknown): string {
  const bytes = new TextEncoder().encode(JSON.stringify(sorted(value)));
  return digestOf(bytes).slice('sha256:'.length, 'sha256:'.length + 16);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}
