// The program of a hashing thread. It is started from its own source text, so that it runs the same from `dist`, from a
// bundle and from a test runner; therefore it must not refer to anything outside itself.

/** To the thread. */
export type HashRequest =
  | { readonly kind: 'start'; readonly algorithm: string }
  | { readonly kind: 'update'; readonly id: number; readonly chunk: Uint8Array }
  | { readonly kind: 'digest'; readonly id: number }
  | {
      readonly kind: 'file';
      readonly id: number;
      readonly fd: number;
      readonly offset: number;
      readonly length: number;
      readonly algorithm: string;
      /** Set to 1 when nobody wants the digest any more. */
      readonly stop: Int32Array;
    };

/** From the thread. */
export interface HashReply {
  readonly id: number;
  readonly hex?: string;
  readonly error?: string;
}

/** Runs in the thread. */
export function hashWorker(): void {
  const { parentPort } = process.getBuiltinModule('node:worker_threads');
  const { createHash } = process.getBuiltinModule('node:crypto');
  const { readSync } = process.getBuiltinModule('node:fs');
  let hash = createHash('sha256');
  let buffer: Uint8Array | undefined;

  const hashFile = (request: Extract<HashRequest, { kind: 'file' }>): string => {
    const fileHash = createHash(request.algorithm);
    buffer ??= new Uint8Array(1_048_576);
    for (let at = 0; at < request.length; ) {
      if (Atomics.load(request.stop, 0) !== 0) throw new Error('nobody wants it any more');
      const wanted = Math.min(buffer.length, request.length - at);
      const read = readSync(request.fd, buffer, 0, wanted, request.offset + at);
      if (read === 0) throw new Error('the file became shorter');
      fileHash.update(buffer.subarray(0, read));
      at += read;
    }
    return fileHash.digest('hex');
  };

  const answer = (request: HashRequest): HashReply | undefined => {
    switch (request.kind) {
      case 'start':
        hash = createHash(request.algorithm);
        return undefined;
      case 'update':
        hash.update(request.chunk);
        return { id: request.id };
      case 'digest':
        return { id: request.id, hex: hash.digest('hex') };
      case 'file':
        return { id: request.id, hex: hashFile(request) };
    }
  };

  parentPort?.on('message', (request: HashRequest) => {
    try {
      const reply = answer(request);
      if (reply !== undefined) parentPort.postMessage(reply);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      parentPort.postMessage({ id: 'id' in request ? request.id : 0, error: text });
    }
  });
}
