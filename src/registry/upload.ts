// Uploads of blobs (distribution-spec, "Pushing a blob monolithically", "in chunks"; `faults.md` R8, R19-R22). A blob that
// is small and known goes in one request; everything else as one streamed PATCH without a file in between, so that its
// digest may be known only at its end. After a cut the registry is asked how much it has, and the rest follows, in chunks
// that say where they belong: what was still on its way can then not end up in the middle.
import type { Context } from '../core/context.ts';
import { bug, ShipperError } from '../core/errors.ts';
import { startTries, type Tries } from '../core/retry.ts';
import { type BlobId, cancelUpload, isBlobThere } from './blobs.ts';
import { ChunkReader } from './chunk-reader.ts';
import { failure } from './failures.ts';
import type { RegistryHost } from './host.ts';
import { withQuery } from './location.ts';
import type { BlobUpload, Repository } from './registry.ts';
import { type Answer, type Call, type Session, scopeOf } from './session.ts';
import { UploadBytes } from './upload-bytes.ts';
import { offsetOf, placeOf, rangeHeaders, targetOf, type UploadPlace } from './upload-place.ts';
import { PATIENCE } from './watch.ts';

/** Stores a blob, unless it is known and there. */
export async function sendBlob(
  session: Session,
  ctx: Context,
  repository: Repository,
  upload: BlobUpload,
): Promise<BlobId> {
  const { expected } = upload;
  if (expected !== undefined && (await isBlobThere(session, ctx, repository, expected, true))) {
    return { digest: expected.digest, size: expected.size };
  }
  const home = await session.home(ctx, repository.domain);
  return new Sender(session, repository, home, upload).run(ctx);
}

/** The state of one upload. */
class Sender {
  readonly #session: Session;
  readonly #repository: Repository;
  readonly #home: RegistryHost;
  readonly #upload: BlobUpload;
  readonly #bytes: UploadBytes;
  readonly #tries: Tries;
  #place: UploadPlace | undefined;
  #inChunks = false;
  /** Whether the registry takes chunks only. */
  #mustChunk = false;
  /** Where a refusal said that the upload is. */
  #told: UploadPlace | undefined;
  /** All of a small known blob. */
  #whole: Uint8Array | undefined;
  /** How far it was when the tries were last counted anew. */
  #progress = 0;

  constructor(session: Session, repository: Repository, home: RegistryHost, upload: BlobUpload) {
    this.#session = session;
    this.#repository = repository;
    this.#home = home;
    this.#upload = upload;
    this.#bytes = new UploadBytes(upload);
    this.#tries = startTries(session.chance);
  }

  async run(ctx: Context): Promise<BlobId> {
    this.#whole = await this.#bytes.whole();
    try {
      for (;;) {
        try {
          this.#place ??= await this.#begin(ctx);
          if (this.#whole === undefined) await this.#sendRest(ctx);
          return await this.#commit(ctx);
        } catch (error) {
          if (this.#bytes.isOwn(error)) throw error;
          await this.#tries.failed(ctx, error);
          await this.#realign(ctx);
        }
      }
    } catch (error) {
      await this.#cancel(ctx);
      throw error;
    }
  }

  /** Begins an upload: the registry says where. */
  #begin(ctx: Context): Promise<UploadPlace> {
    const call = this.#call('POST', `/v2/${this.#repository.path}/blobs/uploads/`, {
      headers: { 'content-length': '0' },
    });
    return this.#session.write(ctx, this.#repository.domain, call, async (answer) =>
      placeOf(this.#session, answer),
    );
  }

  async #sendRest(ctx: Context): Promise<void> {
    while (this.#place !== undefined && this.#place.offset !== this.#bytes.total) {
      if (this.#inChunks) await this.#sendChunks(ctx, this.#place);
      else await this.#sendStream(ctx, this.#place);
    }
  }

  /** All that is left, by one PATCH whose length is told only where it is known. */
  async #sendStream(ctx: Context, place: UploadPlace): Promise<void> {
    const size = this.#upload.expected?.size;
    const headers = size === undefined ? {} : rangeHeaders(place.offset, size - place.offset);
    const call = this.#call('PATCH', place.target, {
      headers: { ...headers, 'content-type': 'application/octet-stream' },
      body: () => this.#bytes.from(place.offset),
      accepts: LOST_STATUSES,
    });
    const answer = await this.#session.once(ctx, this.#home, call);
    await this.#taken(ctx, answer, place, this.#bytes.total ?? this.#bytes.passed);
  }

  async #sendChunks(ctx: Context, first: UploadPlace): Promise<void> {
    const reader = new ChunkReader(this.#bytes.from(first.offset));
    try {
      let place = first;
      while (place.offset !== this.#bytes.total) {
        const chunk = await reader.read(place.chunkBytes);
        // The end was seen without another byte.
        if (chunk.length === 0) return;
        const call = this.#call('PATCH', place.target, {
          headers: {
            ...rangeHeaders(place.offset, chunk.length),
            'content-type': 'application/octet-stream',
          },
          body: () => chunk,
          accepts: LOST_STATUSES,
        });
        const answer = await this.#session.once(ctx, this.#home, call);
        place = await this.#taken(ctx, answer, place, place.offset + chunk.length);
      }
    } finally {
      await reader.close();
    }
  }

  /** Goes by the answer to a PATCH, after which the registry should have `sent` bytes. */
  async #taken(
    ctx: Context,
    answer: Answer,
    place: UploadPlace,
    sent: number,
  ): Promise<UploadPlace> {
    const { response, doing } = answer;
    const { status } = response;
    if (status >= 300) {
      this.#fallBack(answer, place);
      throw again(await this.#session.refused(ctx, answer));
    }
    await response.discard();
    // Some registries say nothing of what they have, or count wrongly; more than was sent it cannot be.
    const has = Math.min(sent, offsetOf(answer, sent) ?? sent);
    this.#place = { ...place, target: targetOf(this.#session, answer, place.target), offset: has };
    this.#count(has);
    if (has === sent) return this.#place;
    throw failure(doing, 'REGISTRY', `it took ${has} of ${sent} bytes`, { retryable: true });
  }

  /** What can still be done after a PATCH that was refused. */
  #fallBack(answer: Answer, place: UploadPlace): void {
    const { status } = answer.response;
    if (status === 416) {
      // It says itself how far it is (`faults.md` R20); else it is asked.
      const has = offsetOf(answer, place.offset);
      const target = targetOf(this.#session, answer, place.target);
      if (has !== undefined) this.#told = { ...place, target, offset: has };
    } else if (status === 411 || status === 413) this.#mustChunk = true;
    else this.#place = undefined;
  }

  /** Finds out how much of the upload is there; begins anew where that cannot be told. */
  async #realign(ctx: Context): Promise<void> {
    const told = this.#told;
    const before = this.#place;
    this.#told = undefined;
    // A registry may have kept a part of what came in one request, and would put the next one behind it.
    if (this.#whole !== undefined || before === undefined) this.#place = undefined;
    else this.#place = told ?? (await this.#askPlace(ctx, before));
    // More than we ever sent is not ours.
    if (this.#place !== undefined && this.#place.offset > this.#bytes.passed)
      this.#place = undefined;
    this.#inChunks = this.#mustChunk || this.#place !== undefined;
    if (this.#place !== undefined) this.#count(this.#place.offset);
  }

  #askPlace(ctx: Context, place: UploadPlace): Promise<UploadPlace | undefined> {
    const call = this.#call('GET', place.target, { accepts: [400, 404, 405, 410, 501] });
    return this.#session.write(ctx, this.#repository.domain, call, async (answer) => {
      if (answer.response.status >= 300) return undefined;
      const offset = offsetOf(answer, undefined);
      if (offset === undefined) return undefined;
      return { ...place, target: targetOf(this.#session, answer, place.target), offset };
    });
  }

  /** Closes the upload under its digest. */
  async #commit(ctx: Context): Promise<BlobId> {
    const blob = this.#bytes.blob();
    const whole = this.#whole;
    const { target } = this.#place ?? {};
    if (target === undefined) throw bug('Cannot close an upload: none is open');
    const call = this.#call('PUT', withQuery(target, 'digest', blob.digest), {
      headers: {
        'content-length': String(whole?.length ?? 0),
        'content-type': 'application/octet-stream',
      },
      ...(whole === undefined ? {} : { body: () => whole }),
      accepts: LOST_STATUSES,
    });
    try {
      const answer = await this.#session.once(ctx, this.#home, call);
      if (answer.response.status >= 300) {
        this.#place = undefined;
        throw again(await this.#session.refused(ctx, answer));
      }
      await answer.response.discard();
    } catch (error) {
      // The reply may be lost, or the upload gone because it is done (`faults.md` R22).
      if (!(error instanceof ShipperError) || !error.retryable) throw error;
      if (!(await isBlobThere(this.#session, ctx, this.#repository, blob, true))) throw error;
    }
    return blob;
  }

  async #cancel(ctx: Context): Promise<void> {
    const { target } = this.#place ?? {};
    if (target === undefined || ctx.signal.aborted) return;
    try {
      await cancelUpload(this.#session, ctx, this.#home, this.#repository, target);
    } catch {
      // The failure that led here is the one to tell; the registry clears away what is left lying about.
    }
  }

  /** The registry has `offset` bytes. Only what it never had before is progress: an upload begun anew may go on for ever. */
  #count(offset: number): void {
    if (offset - this.#progress < PATIENCE.progressBytes) return;
    this.#progress = offset;
    this.#tries.progressed();
  }

  #call(method: Call['method'], target: string | URL, more: Partial<Call>): Call {
    const { expected } = this.#upload;
    const action = expected === undefined ? 'upload a blob' : `upload blob ${expected.digest}`;
    const scopes = [scopeOf(this.#repository, 'pull', 'push')];
    return { method, target, scopes, action, ...more };
  }
}

/**
 * Answers to a PATCH or PUT after which there is still a way: another begin where the upload is gone or spoilt (400, 404,
 * 410), chunks where the length must be told or is too much (411, 413), the right place (416).
 */
const LOST_STATUSES: readonly number[] = [400, 404, 410, 411, 413, 416];

function again(error: ShipperError): ShipperError {
  const { details, hint } = error;
  const code = error.code === 'NOT_FOUND' ? 'REGISTRY' : error.code;
  return new ShipperError(code, error.message, {
    ...details,
    ...(hint === undefined ? {} : { hint }),
    retryable: true,
  });
}
