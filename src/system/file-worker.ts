// The program of a thread that hashes, and writes chunks to files. It is started from its own source text, so that it runs the same
// from `dist`, from a bundle and from a test runner; therefore it must not refer to anything outside itself.

/** To the thread. */
export type FileRequest =
  | { readonly kind: 'start'; readonly algorithm: string }
  | { readonly kind: 'update'; readonly id: number; readonly chunk: Uint8Array }
  | { readonly kind: 'digest'; readonly id: number }
  | FileHashRequest
  | {
      /** Write all of `bytes`, which lie in shared memory, in pieces of `pieceBytes`. */
      readonly kind: 'write';
      readonly id: number;
      readonly fd: number;
      readonly bytes: Uint8Array;
      readonly position: number;
      readonly pieceBytes: number;
    };

/** Hash `length` bytes of a file. Between its pieces other requests have their turn. */
export interface FileHashRequest {
  readonly kind: 'file';
  readonly id: number;
  readonly fd: number;
  readonly offset: number;
  readonly length: number;
  readonly algorithm: string;
  /** Set to 1 when nobody wants the digest any more. */
  readonly stop: Int32Array;
}

/** From the thread. */
export interface FileReply {
  readonly id: number;
  readonly hex?: string;
  readonly error?: string;
  readonly code?: string;
  readonly errno?: number;
}

/** Runs in the thread. */
export function fileWorker(): void {
  const { parentPort, receiveMessageOnPort } = process.getBuiltinModule('node:worker_threads');
  const { createHash } = process.getBuiltinModule('node:crypto');
  const { readSync, writeSync } = process.getBuiltinModule('node:fs');
  if (parentPort === null) return;
  const port = parentPort;
  /** Files in the order in which they came. */
  const files: FileHashRequest[] = [];
  let hash = createHash('sha256');
  let buffer: Uint8Array | undefined;

  const hashFile = (request: FileHashRequest): string => {
    const fileHash = createHash(request.algorithm);
    buffer ??= new Uint8Array(1_048_576);
    for (let at = 0; at < request.length; ) {
      takeOne();
      if (Atomics.load(request.stop, 0) !== 0) throw new Error('nobody wants it any more');
      const wanted = Math.min(buffer.length, request.length - at);
      const read = readSync(request.fd, buffer, 0, wanted, request.offset + at);
      if (read === 0) throw new Error('the file became shorter');
      fileHash.update(buffer.subarray(0, read));
      at += read;
    }
    return fileHash.digest('hex');
  };

  const writeAll = (request: Extract<FileRequest, { kind: 'write' }>): void => {
    const { fd, bytes, position, pieceBytes } = request;
    for (let at = 0; at < bytes.length; ) {
      const length = Math.min(pieceBytes, bytes.length - at);
      at += writeSync(fd, bytes, at, length, position + at);
    }
  };

  const answer = (request: FileRequest): FileReply | undefined => {
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
      case 'write':
        writeAll(request);
        return { id: request.id };
    }
  };

  const serve = (request: FileRequest): void => {
    try {
      const reply = answer(request);
      if (reply !== undefined) port.postMessage(reply);
    } catch (error) {
      const { message = String(error), code, errno } = error as NodeJS.ErrnoException;
      port.postMessage({ id: 'id' in request ? request.id : 0, error: message, code, errno });
    }
  };

  const take = (request: FileRequest): void => {
    if (request.kind === 'file') files.push(request);
    else serve(request);
  };

  /** One and no more: where a slow disk is always behind, the file would have to wait for the last chunk. */
  const takeOne = (): void => {
    const next = receiveMessageOnPort(port);
    if (next !== undefined) take(next.message);
  };

  port.on('message', (request: FileRequest) => {
    take(request);
    for (let next = files.shift(); next !== undefined; next = files.shift()) serve(next);
  });
}
