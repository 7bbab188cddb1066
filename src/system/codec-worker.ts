// The program of a thread that compresses and decompresses. It is started from its own source text, as `file-worker.ts` is;
// therefore it must not refer to anything outside itself. Its memory is used again: fresh pages and their collection cost more
// than the work on them.

/** To the thread. Views lie on SharedArrayBuffers. */
export type CodecRequest =
  | {
      readonly kind: 'deflate';
      readonly id: number;
      readonly level: number;
      /** The dictionary, then the block. */
      readonly input: Uint8Array;
      readonly dictionaryBytes: number;
      readonly output: Uint8Array;
    }
  | {
      readonly kind: 'open';
      readonly stream: number;
      readonly stored: string;
      readonly tar: string;
    }
  | {
      readonly kind: 'step';
      readonly id: number;
      readonly stream: number;
      readonly input: Uint8Array;
      readonly output: CodecOutput;
      /** Whether nothing comes behind `input`. */
      readonly isLast: boolean;
    }
  | { readonly kind: 'digests'; readonly id: number; readonly stream: number }
  | { readonly kind: 'close'; readonly stream: number };

/** Memory, or a place in a file and how many bytes may be written there. */
export type CodecOutput =
  | Uint8Array
  | { readonly fd: number; readonly position: number; readonly room: number };

/** From the thread. */
export interface CodecReply {
  readonly id: number;
  readonly consumed?: number;
  readonly produced?: number;
  /** Hex of the stored bytes and of the tar. */
  readonly stored?: string;
  readonly tar?: string;
  readonly error?: string;
  /** Of a failed system call. */
  readonly code?: string;
}

/** Runs in the thread. */
export function codecWorker(): void {
  const { parentPort } = process.getBuiltinModule('node:worker_threads');
  const { createHash } = process.getBuiltinModule('node:crypto');
  const { writeSync } = process.getBuiltinModule('node:fs');
  const zlib = process.getBuiltinModule('node:zlib');
  const { Z_FINISH, Z_NO_FLUSH, Z_SYNC_FLUSH } = zlib.constants;

  /** What `createGunzip` gives, with the synchronous call that Node's own `gunzipSync` makes; `codec-threads.ts` looks for it. */
  interface Stepwise {
    readonly _handle: {
      writeSync(
        flush: number,
        input: Uint8Array,
        inputAt: number,
        inputBytes: number,
        output: Uint8Array,
        outputAt: number,
        room: number,
      ): void;
      onerror: (message: string) => void;
    };
    /** Room and input that were left. */
    readonly _writeState: Uint32Array;
    close(): void;
  }

  const openStream = (stored: string, tar: string) => {
    const gunzip = zlib.createGunzip() as unknown as Stepwise;
    const stream = {
      gunzip,
      stored: createHash(stored),
      tar: createHash(tar),
      failure: '',
      isEnded: false,
    };
    gunzip._handle.onerror = (message) => {
      stream.failure = message;
    };
    return stream;
  };

  const streams = new Map<number, ReturnType<typeof openStream>>();
  const memory = new Uint8Array(262_144);

  /** One call of zlib; returns what it took and gave. */
  const inflate = (
    stream: ReturnType<typeof openStream>,
    input: Uint8Array,
    isLast: boolean,
    output: Uint8Array,
  ): { consumed: number; produced: number } => {
    const { _handle, _writeState } = stream.gunzip;
    const flush = isLast ? Z_FINISH : Z_NO_FLUSH;
    _handle.writeSync(flush, input, 0, input.length, output, 0, output.length);
    if (stream.failure !== '') throw new Error(stream.failure);
    const [roomLeft = 0, inputLeft = 0] = _writeState;
    // Zeros behind the last member are padding, which zlib does not take.
    stream.isEnded = inputLeft > 0 && roomLeft > 0;
    const consumed = stream.isEnded ? input.length : input.length - inputLeft;
    return { consumed, produced: output.length - roomLeft };
  };

  const writeAll = (fd: number, bytes: Uint8Array, position: number): void => {
    // In pieces, as `chunk-writer.ts` says.
    for (let at = 0; at < bytes.length; )
      at += writeSync(fd, bytes, at, Math.min(65_536, bytes.length - at), position + at);
  };

  const step = ({
    id,
    stream: name,
    input,
    output,
    isLast,
  }: Extract<CodecRequest, { kind: 'step' }>): CodecReply => {
    const stream = streams.get(name);
    if (stream === undefined) throw new Error('the stream is closed');
    const inMemory = output instanceof Uint8Array;
    const target = inMemory ? output : memory;
    const room = inMemory ? output.length : output.room;
    let consumed = 0;
    let produced = 0;
    while (!stream.isEnded && produced < room) {
      const space = target.subarray(0, Math.min(room - produced, target.length));
      const done = inflate(stream, input.subarray(consumed), isLast, space);
      const bytes = space.subarray(0, done.produced);
      stream.tar.update(bytes);
      if (!inMemory) writeAll(output.fd, bytes, output.position + produced);
      consumed += done.consumed;
      produced += done.produced;
      if (done.produced < space.length) break;
    }
    if (stream.isEnded) consumed = input.length;
    stream.stored.update(input.subarray(0, consumed));
    return { id, consumed, produced };
  };

  const deflate = ({
    id,
    level,
    input,
    dictionaryBytes,
    output,
  }: Extract<CodecRequest, { kind: 'deflate' }>): CodecReply => {
    const dictionary = input.subarray(0, dictionaryBytes);
    const options = { level, chunkSize: 64, ...(dictionaryBytes === 0 ? {} : { dictionary }) };
    const deflater = zlib.createDeflateRaw(options) as unknown as Stepwise;
    let failure = '';
    deflater._handle.onerror = (message) => {
      failure = message;
    };
    const bytes = input.length - dictionaryBytes;
    const { length } = output;
    deflater._handle.writeSync(Z_SYNC_FLUSH, input, dictionaryBytes, bytes, output, 0, length);
    const [roomLeft = 0] = deflater._writeState;
    deflater.close();
    // Where no room is left there may be more to come.
    if (failure !== '' || roomLeft === 0) throw new Error(failure || 'a block became too large');
    return { id, produced: length - roomLeft };
  };

  const answer = (request: CodecRequest): CodecReply | undefined => {
    switch (request.kind) {
      case 'deflate':
        return deflate(request);
      case 'open':
        streams.set(request.stream, openStream(request.stored, request.tar));
        return undefined;
      case 'step':
        return step(request);
      case 'digests': {
        const stream = streams.get(request.stream);
        if (stream === undefined) throw new Error('the stream is closed');
        const { stored, tar } = stream;
        return { id: request.id, stored: stored.digest('hex'), tar: tar.digest('hex') };
      }
      case 'close':
        streams.get(request.stream)?.gunzip.close();
        streams.delete(request.stream);
        return undefined;
    }
  };

  parentPort?.on('message', (request: CodecRequest) => {
    try {
      const reply = answer(request);
      if (reply !== undefined) parentPort.postMessage(reply);
    } catch (error) {
      const { message = String(error), code } = (error ?? {}) as {
        message?: string;
        code?: string;
      };
      const id = 'id' in request ? request.id : 0;
      parentPort.postMessage({ id, error: message, ...(code === undefined ? {} : { code }) });
    }
  });
}
