// Headers of an archive's own members: the same bytes at any time and for any user.
import { encodeHeader, plainFileHead } from '../tar/encode.ts';

/** Header of a member. `isLarge` gives it the three blocks that a size over 8 GiB needs, whatever the size is. */
export function memberHeader(name: string, size: number, isLarge: boolean): Uint8Array {
  return encodeHeader(plainFileHead(name, size), { forcePaxSize: isLarge });
}
