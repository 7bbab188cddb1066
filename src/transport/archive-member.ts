// Headers of an archive's own members: the same bytes at any time and for any user.
import { encodeHeader } from '../tar/encode.ts';

/** Header of a member. `isLarge` gives it the three blocks that a size over 8 GiB needs, whatever the size is. */
export function memberHeader(name: string, size: number, isLarge: boolean): Uint8Array {
  return encodeHeader(
    {
      type: 'file',
      path: name,
      linkTarget: '',
      mode: 0o644,
      uid: 0,
      gid: 0,
      size,
      mtimeSeconds: 0,
      mtimeNanos: 0,
      devMajor: 0,
      devMinor: 0,
      xattrs: undefined,
    },
    { forcePaxSize: isLarge },
  );
}
