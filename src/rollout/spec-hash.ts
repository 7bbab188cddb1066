// Whether two specifications want the same container.
import { digestOfValue } from '../core/sorted.ts';

/** 16 hex characters; the order of members makes no difference. */
export function specHash(value: unknown): string {
  const start = 'sha256:'.length;
  return digestOfValue(value).slice(start, start + 16);
}
