// Cuts between us and the registry of Debian, at many places: right bytes, or nothing (`faults.md` R13, R19).
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseDigest } from '../../src/core/digest.ts';
import { connectRegistries } from '../../src/registry/connect.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { nodeClock, nodeSystem } from '../../src/system/node.ts';
import { sha256 } from '../support/registry-store.ts';
import { freePort, type RunningRegistry, startRegistry } from './support/registry.ts';

const BYTES = Buffer.alloc(12_000_000);
for (let at = 0; at < BYTES.length; at += 4)
  BYTES.writeInt32LE(Math.imul(at, 2_654_435_761) | 0, at);
const CUTS = [0, 1, 700, 65_536, 1_000_001, 5_000_000, 11_999_999];

describe('a cut between us and docker-registry', () => {
  let running: RunningRegistry;
  let line: CuttingLine;
  let registry: Registry;
  const ctx = {
    report: () => undefined,
    signal: new AbortController().signal,
    clock: nodeClock(),
    scope: {},
  };
  const repository = (name: string) => ({ domain: line.address, path: `cuts/${name}` });
  const blobOf = (bytes: Buffer) => ({
    digest: parseDigest(sha256(bytes), 'a test blob'),
    size: bytes.length,
  });
  const read = async (name: string, bytes: Buffer) => {
    const parts: Uint8Array[] = [];
    for await (const chunk of registry.blob(ctx, repository(name), blobOf(bytes)))
      parts.push(chunk);
    return Buffer.concat(parts);
  };
  beforeAll(async () => {
    running = await startRegistry();
    line = await startLine(running.address);
    registry = connectRegistries(nodeSystem());
  });
  afterAll(async () => {
    await registry?.[Symbol.asyncDispose]();
    await line?.[Symbol.asyncDispose]();
    await running?.stop();
  });

  for (const isKnown of [true, false]) {
    it(`R19 of an upload that is ${isKnown ? 'known' : 'streamed'} is gone on with`, async () => {
      for (const [index, afterBytes] of CUTS.entries()) {
        // Other bytes each time: what is there already would not be sent.
        const bytes = Buffer.from(BYTES);
        bytes.writeUInt32LE(index * 2 + (isKnown ? 1 : 0), 0);
        line.cut('up', afterBytes);
        const sent = await registry.uploadBlob(ctx, repository('up'), {
          async *open(offset) {
            for (let at = offset; at < bytes.length; at += 65_536) {
              yield bytes.subarray(at, at + 65_536);
            }
          },
          ...(isKnown ? { expected: blobOf(bytes) } : {}),
        });
        expect(sent).toEqual(blobOf(bytes));
        line.mend();
        expect((await read('up', bytes)).equals(bytes)).toBe(true);
      }
      expect(line.cuts()).toBeGreaterThan(0);
    });
  }

  it('R13 of a download is resumed', async () => {
    await registry.uploadBlob(ctx, repository('down'), {
      async *open(offset) {
        yield BYTES.subarray(offset);
      },
    });
    for (const afterBytes of CUTS) {
      line.cut('down', afterBytes);
      expect((await read('down', BYTES)).equals(BYTES)).toBe(true);
      line.mend();
    }
  });
});

interface CuttingLine extends AsyncDisposable {
  readonly address: string;
  /** Breaks the next connection that carries more than so many bytes from now on in that direction. */
  cut(direction: 'up' | 'down', afterBytes: number): void;
  /** Takes back a cut that did not come to pass. */
  mend(): void;
  cuts(): number;
}

/** A line to `address` that can be cut. */
async function startLine(address: string): Promise<CuttingLine> {
  const [host = '', port = ''] = address.split(':');
  const sockets = new Set<Socket>();
  let wanted: { readonly direction: 'up' | 'down'; left: number } | undefined;
  let cuts = 0;
  const server = createServer((near) => {
    const far = connect(Number(port), host);
    const carry = (from: Socket, to: Socket, direction: 'up' | 'down') => {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.on('data', (chunk) => {
        if (wanted?.direction === direction && chunk.length > wanted.left) {
          const rest = chunk.subarray(0, wanted.left);
          wanted = undefined;
          cuts += 1;
          to.write(rest, () => {
            near.resetAndDestroy();
            far.destroy();
          });
          return;
        }
        if (wanted?.direction === direction) wanted.left -= chunk.length;
        if (!to.write(chunk)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
      });
    };
    carry(near, far, 'up');
    carry(far, near, 'down');
  });
  const own = await freePort();
  await new Promise<void>((resolve) => server.listen(own, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${own}`,
    cut: (direction, afterBytes) => {
      wanted = { direction, left: afterBytes };
    },
    mend: () => {
      wanted = undefined;
    },
    cuts: () => cuts,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
