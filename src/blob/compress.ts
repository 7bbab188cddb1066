// Compressed streams whose bytes depend on the input and the level only: not on threads, chunks or time.
import * as zlib from 'node:zlib';
import { ShipperError } from '../core/errors.ts';
import type { CompressedOutput, Compression, Compressor, Deflate } from './compressor.ts';
import { GzipCompressor } from './gzip.ts';

/** Makes a compressor; undefined for `none`. `deflate` is for gzip: by default Node's thread pool. */
export function createCompressor(
  compression: Compression,
  jobs: number,
  output: CompressedOutput,
  deflate?: Deflate,
): Compressor | undefined {
  switch (compression.kind) {
    case 'none':
      return undefined;
    case 'gzip':
      return new GzipCompressor(compression.level, jobs, output, deflate);
    case 'zstd':
      return new ZstdCompressor(compression.level, jobs, output);
  }
}

/** Throws `UNSUPPORTED` when this Node cannot write such a stream. */
export function checkCompression(compression: Compression): void {
  if (compression.kind !== 'zstd' || typeof zlib.createZstdCompress === 'function') return;
  throw new ShipperError(
    'UNSUPPORTED',
    `Cannot write zstd: Node ${process.versions.node} has none`,
    {
      hint: 'Use Node 22.15 or newer, or --compression gzip',
    },
  );
}

/** Zstd through Node's own stream. */
class ZstdCompressor implements Compressor {
  readonly #stream: zlib.ZstdCompress;
  readonly #drained: Promise<void>;

  constructor(level: number, jobs: number, output: CompressedOutput) {
    checkCompression({ kind: 'zstd', level });
    const { constants } = zlib;
    this.#stream = zlib.createZstdCompress({
      chunkSize: 262_144,
      params: {
        [constants.ZSTD_c_compressionLevel]: level,
        [constants.ZSTD_c_checksumFlag]: 1,
        // One worker or more give the same bytes; none would give others.
        [constants.ZSTD_c_nbWorkers]: Math.max(1, jobs),
      },
    });
    this.#drained = this.#drain(output);
    this.#drained.catch(() => undefined);
  }

  async take(chunk: Uint8Array): Promise<void> {
    await Promise.race([
      new Promise<void>((resolve, reject) => {
        this.#stream.write(chunk, (error) => (error ? reject(error) : resolve()));
      }),
      // A failed output would leave the write waiting for ever.
      this.#drained,
    ]);
  }

  async finish(): Promise<void> {
    this.#stream.end();
    await this.#drained;
  }

  async #drain(output: CompressedOutput): Promise<void> {
    for await (const chunk of this.#stream) await output(chunk as Uint8Array);
  }
}
