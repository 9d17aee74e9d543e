/** Manifests and indexes at one host: read with their digest verified, looked at, written, deleted, and found by what they refer to. */

import { createHash } from 'node:crypto';
import { algorithmOf, type Digest, hexOf, parseDigest, sha256Of } from '../base/digest.js';
import { PlyfsError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import { type Descriptor, descriptorFrom, type Index, type Manifest, parseManifest } from '../oci/manifest.js';
import { documentKindOf, manifestAccept, mediaTypes } from '../oci/media-types.js';
import type { Answer } from './answer.js';
import { excerptOf, failed, nameOf } from './failure.js';
import type { HostCall } from './host.js';
import { jsonOf, notJson, pagesOf } from './paging.js';
import type { RepositorySite } from './site.js';

/** A manifest or index as it came: its bytes hash to `digest`. */
export interface ReceivedManifest {
  readonly bytes: Buffer;
  readonly digest: Digest;
  /** What the bytes are: as the answer or, where that says nothing, the document calls it. */
  readonly mediaType: string;
  readonly document: Manifest | Index;
}

export interface ManifestHead {
  /** Undefined where the registry names none, or one of another algorithm: then only GET tells. */
  readonly digest: Digest | undefined;
  readonly mediaType: string;
  readonly sizeBytes: number | undefined;
}

/** Blobs that a manifest names are not in the repository. */
export class MissingBlobs extends PlyfsError {
  constructor(
    message: string,
    /** As far as the registry said which. */
    readonly missing: readonly Digest[],
  ) {
    super('registry-blob-unknown', message);
  }
}

/** PlyfsError `registry-absent`, `digest`, `document`, `registry-answer`. */
export async function getManifest(site: RepositorySite, reference: string, limits: Limits): Promise<ReceivedManifest> {
  const documentBytes = limits.manifestBytes;
  const call = { ...site.call('GET', `manifests/${reference}`, reference, { Accept: manifestAccept }), documentBytes };
  const answer = await site.host.expect(call, [200]);
  const bytes = await answer.bytes(documentBytes);
  const name = nameOf(call.place);
  if (bytes === undefined) {
    throw new PlyfsError(
      'document',
      `${name}: the manifest is longer than ${limits.manifestBytes} bytes (PLYFS_LIMITS raises manifestBytes)`,
    );
  }
  const digest = verified(bytes, parseDigest(reference), answer, call);
  if (bytes.find((byte) => byte > 0x20) !== '{'.charCodeAt(0)) throw notJson(answer, call.place, bytes);
  const document = parseManifest(bytes, name);
  const declared = mediaTypeOf(answer);
  const kind = documentKindOf(declared);
  if (kind !== undefined && kind !== document.kind) {
    throw new PlyfsError(
      'document',
      `${name} is sent as ${declared}, but the fields are those of ${kind === 'index' ? 'a manifest' : 'an index'}`,
    );
  }
  return { bytes, digest, mediaType: kind === undefined ? document.mediaType : declared, document };
}

/** The digest of the bytes, which is the one that was asked for and the one that the registry named. */
function verified(bytes: Buffer, wanted: Digest | undefined, answer: Answer, call: HostCall): Digest {
  const named = wanted ?? parseDigest(answer.header('docker-content-digest') ?? '');
  if (named === undefined) return sha256Of(bytes);
  const actual = `${algorithmOf(named)}:${createHash(algorithmOf(named)).update(bytes).digest('hex')}`;
  if (actual === named) return wanted ?? sha256Of(bytes);
  const sentence = `${answer.url.host} sent other bytes than those of ${named}: the manifest is damaged there or on the way, nothing was taken`;
  throw failed('digest', call.place, sentence);
}

/** Undefined where there is none. A registry that knows no HEAD is asked for the manifest. */
export async function headManifest(site: RepositorySite, reference: string, limits: Limits): Promise<ManifestHead | undefined> {
  const call = site.call('HEAD', `manifests/${reference}`, reference, { Accept: manifestAccept });
  const answer = await site.host.send(call);
  if (answer.status === 405) {
    await answer.discard();
    const { digest, mediaType, bytes } = await getManifest(site, reference, limits);
    return { digest, mediaType, sizeBytes: bytes.length };
  }
  if (answer.status !== 200 && answer.status !== 404) throw await site.host.refusal(call, answer);
  await answer.discard();
  if (answer.status === 404) return undefined;
  const digest = parseDigest(answer.header('docker-content-digest') ?? '');
  return {
    digest: digest !== undefined && algorithmOf(digest) === 'sha256' ? digest : undefined,
    mediaType: mediaTypeOf(answer),
    sizeBytes: answer.count('content-length'),
  };
}

/** The digest under which it lies there. PlyfsError MissingBlobs, `registry-media-type`. */
export async function putManifest(
  site: RepositorySite,
  reference: string,
  manifest: { readonly bytes: Uint8Array; readonly mediaType: string },
): Promise<Digest> {
  const { bytes, mediaType } = manifest;
  const call = {
    ...site.call('PUT', `manifests/${reference}`, reference, { 'Content-Type': mediaType }, 'push'),
    body: { sizeBytes: bytes.length, open: () => [bytes] },
  };
  const answer = await site.host.send(call);
  if (answer.status === 201 || answer.status === 200 || answer.status === 202) {
    await answer.discard();
    return sha256Of(bytes);
  }
  const refusal = await site.host.refusalOf(call, answer);
  const name = nameOf(call.place);
  if (/MANIFEST_BLOB_UNKNOWN|BLOB_UNKNOWN/.test(refusal.text)) {
    const missing = [...new Set((refusal.text.match(/sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})/g) ?? []) as Digest[])]; // by the pattern
    throw new MissingBlobs(
      `${name}: ${refusal.host} misses blobs of the image (${missing.length || 'some'}): push it again`,
      missing,
    );
  }
  if (refusal.status === 400 || refusal.status === 415) {
    const said = excerptOf(refusal.text);
    throw failed(
      'registry-media-type',
      call.place,
      `${refusal.host} does not take a manifest of type ${mediaType} (it says: ${said})`,
    );
  }
  throw site.host.refusalFrom(refusal, call);
}

/** False: it was not there. PlyfsError `registry-unsupported`. */
export async function deleteManifest(site: RepositorySite, digest: Digest): Promise<boolean> {
  const call = site.call('DELETE', `manifests/${digest}`, digest, {}, 'delete');
  const answer = await site.host.send(call);
  if (answer.status === 405) {
    await answer.discard();
    throw failed('registry-unsupported', call.place, `${site.host.authority} deletes nothing: its administrator has to allow it`);
  }
  if (answer.status !== 202 && answer.status !== 200 && answer.status !== 404) throw await site.host.refusal(call, answer);
  await answer.discard();
  return answer.status !== 404;
}

/** Manifests that refer to `digest`, of one type if `artifactType` says so (distribution-spec, "Listing Referrers"). */
export async function referrers(
  site: RepositorySite,
  digest: Digest,
  artifactType: string | undefined,
  limits: Limits,
): Promise<Descriptor[]> {
  const query = artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`;
  const documentBytes = limits.manifestBytes;
  const call = { ...site.call('GET', `referrers/${digest}${query}`, digest, { Accept: mediaTypes.index }), documentBytes };
  const first = await site.host.send(call);
  if (first.status !== 200) {
    if (first.status === 401 || first.status === 403 || first.status >= 500) throw await site.host.refusal(call, first);
    await first.discard();
    return ofType(await referrersByTag(site, digest, limits), artifactType);
  }
  const found: Descriptor[] = [];
  let waiting: Answer | undefined = first;
  const ask = (target: string | URL): Promise<Answer> => {
    const answer = waiting;
    waiting = undefined;
    return answer === undefined ? site.host.expect({ ...call, target }, [200]) : Promise.resolve(answer);
  };
  for await (const page of pagesOf(`/v2/${site.path}/referrers/${digest}${query}`, ask, call.place)) {
    const object = await jsonOf(page, limits.manifestBytes, call.place);
    found.push(...(object.optionalList('manifests', descriptorFrom) ?? []));
  }
  return ofType(found, artifactType);
}

/** Older registries keep the list as an index under a tag that says the digest. */
async function referrersByTag(site: RepositorySite, digest: Digest, limits: Limits): Promise<readonly Descriptor[]> {
  const tag = `${algorithmOf(digest)}-${hexOf(digest)}`;
  if ((await headManifest(site, tag, limits)) === undefined) return [];
  const { document } = await getManifest(site, tag, limits);
  return document.kind === 'index' ? document.manifests : [];
}

function ofType(found: readonly Descriptor[], artifactType: string | undefined): Descriptor[] {
  return found.filter((descriptor) => artifactType === undefined || descriptor.artifactType === artifactType);
}

function mediaTypeOf(answer: Answer): string {
  return (answer.header('content-type') ?? '').split(';', 1)[0]!.trim().toLowerCase(); // split gives one part at least
}
