// Content that waits in a temporary file.
import type { Overflow } from '../image/image.ts';
import { createSpool, SpoolWriter } from '../system/spool.ts';
import type { System } from '../system/system.ts';

/** A place in TMPDIR; it goes on dispose. */
export async function openOverflow(system: System): Promise<Overflow> {
  const spool = await createSpool(system);
  const writer = new SpoolWriter(system, spool);
  return {
    async append(bytes) {
      const position = writer.length;
      await writer.write(bytes);
      await writer.finish();
      return position;
    },
    readSync: (target, position) => spool.file.readSync(target, position),
    async [Symbol.asyncDispose]() {
      // A write that is on its way would come to a file that is closed.
      await writer.settle();
      await spool[Symbol.asyncDispose]();
    },
  };
}
