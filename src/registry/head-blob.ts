/** Whether a repository has a blob. */

import type { Digest } from '../base/digest.js';
import type { Attempts } from './attempts.js';
import type { RepositorySite } from './site.js';

/** Its bytes, 0 where the answer tells no length; undefined where it is not there. */
export async function headBlob(site: RepositorySite, digest: Digest, attempts?: Attempts): Promise<number | undefined> {
  const call = site.call('HEAD', `blobs/${digest}`, digest, {}, 'pull', attempts);
  const answer = await site.host.send(call);
  if (answer.status !== 200 && answer.status !== 404) throw await site.host.refusal(call, answer);
  const size = answer.count('content-length') ?? 0;
  await answer.discard();
  return answer.status === 404 ? undefined : size;
}
