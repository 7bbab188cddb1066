// Whether a push will be allowed, found out before there is anything to push (`end-4` and `DELETE` of the distribution
// specification): registries decide about that where an upload begins.
import type { Context } from '../core/context.ts';
import { cancelUpload } from './blobs.ts';
import type { Repository } from './registry.ts';
import { type Session, scopeOf } from './session.ts';
import { placeOf } from './upload-place.ts';

/** Begins an upload and takes it back. Throws what the registry answered to the first; one try. */
export async function tryUpload(
  session: Session,
  ctx: Context,
  repository: Repository,
): Promise<void> {
  const home = await session.home(ctx, repository.domain);
  const answer = await session.once(ctx, home, {
    method: 'POST',
    target: `/v2/${repository.path}/blobs/uploads/`,
    headers: { 'content-length': '0' },
    scopes: [scopeOf(repository, 'pull', 'push')],
    action: `push to ${repository.path}`,
  });
  try {
    const { target } = placeOf(session, answer);
    await answer.response.discard();
    await cancelUpload(session, ctx, home, repository, target);
  } catch {
    // It may be pushed to: the registry clears away what is left lying about.
  }
}
