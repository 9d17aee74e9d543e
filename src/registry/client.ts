/** What plyfs asks of registries (OCI distribution-spec 1.1): a session with their connections and tokens, and in it repositories with
 *  manifests, blobs, tags and referrers. Every failure is a PlyfsError of failure.ts that names registry and repository. */

import type { Digest } from '../base/digest.js';
import type { Descriptor } from '../oci/manifest.js';
import type { RegistrySettings } from './settings.js';

export interface RegistryOptions {
  /** Configuration and credentials; by default those of this machine and user (settings.ts). */
  readonly settings?: RegistrySettings;
  /** `--tls-verify`: false makes every registry an insecure one, true none, loopback included. */
  readonly tlsVerify?: boolean | undefined;
  /** Ends every call: it rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** Told before a request is repeated: a sentence for people. */
  readonly onRetry?: (sentence: string) => void;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** A manifest or index as it came: its bytes hash to `digest`. */
export interface ReceivedManifest {
  readonly bytes: Buffer;
  readonly digest: Digest;
  /** As the answer calls it; what the document says of itself is for oci/manifest.ts to compare. */
  readonly mediaType: string;
}

export interface ManifestHead {
  /** Undefined where the registry names none, or one of another algorithm: then only GET tells. */
  readonly digest: Digest | undefined;
  readonly mediaType: string;
  readonly sizeBytes: number | undefined;
}

export interface BlobOptions extends CallOptions {
  /** Bytes of the whole blob, as its descriptor says. More or fewer are refused; undefined where nobody knows. */
  readonly size?: number | undefined;
  /** First byte wanted, 0 by default. The bytes before it need not be sent again, and are not. */
  readonly offset?: number;
  /** Bytes wanted from `offset` on; by default all. */
  readonly length?: number;
  /** Where a foreign layer lies if the registry has it not (descriptor `urls`); only https is used. */
  readonly urls?: readonly string[] | undefined;
}

/** What an upload sends: bytes that can be read again from any place on, because a registry may forget what it had. */
export interface UploadSource {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** The bytes from `offset` to the end. */
  read(offset: number): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export interface UploadOptions extends CallOptions {
  /** Bytes that the registry has; goes back where it lost some. */
  readonly onProgress?: (doneBytes: number) => void;
  /** Other repositories of the same registry (paths) in which the blob may lie: tried first, in order, 3 at most. */
  readonly mountFrom?: readonly string[];
}

/** How a blob came to be in the repository. */
export type Uploaded =
  | { readonly kind: 'exists' }
  | { readonly kind: 'mounted'; readonly from: string }
  | { readonly kind: 'sent' };

export interface SearchOptions extends CallOptions {
  /** 1 to 100, by default 25. */
  readonly limit?: number;
}

export interface SearchResult {
  /** As the registry writes it: `busybox`, `team/app`. */
  readonly name: string;
  readonly description: string;
  readonly stars: number;
  readonly isOfficial: boolean;
  readonly isAutomated: boolean;
}

/** Connections, tokens and what is known of hosts, for one command or one program. */
export class RegistrySession {
  constructor(readonly options: RegistryOptions = {}) {}

  /** The repository of a reference (`{ domain, path }`). Asks nobody yet. PlyfsError `registry-blocked` where registries.conf blocks it. */
  repository(name: { readonly domain: string; readonly path: string }): Repository {
    return new Repository(this, name.domain, name.path);
  }

  /** Names of all repositories, page by page. PlyfsError `registry-unsupported` where the registry does not tell. */
  // biome-ignore lint/correctness/useYield: being written
  async *catalog(_domain: string, _options: CallOptions = {}): AsyncIterable<string> {
    throw new Error('being written');
  }

  /** What a registry's search finds for `term`, best first. PlyfsError `registry-unsupported` where it offers no search. */
  async search(_domain: string, _term: string, _options: SearchOptions = {}): Promise<SearchResult[]> {
    throw new Error('being written');
  }

  /** Gives back the connections. */
  close(): void {}
}

/** One repository of one registry. Reads go to the mirrors of the registry first, in the order of registries.conf and daemon.json. */
export class Repository {
  constructor(
    readonly session: RegistrySession,
    /** As in references: `docker.io`, `localhost:5000`. */
    readonly domain: string,
    /** `library/busybox` */
    readonly path: string,
  ) {}

  /** The document of a tag or digest, its digest verified where one was asked for. PlyfsError `registry-absent` where there is none,
   *  `digest` for other bytes, `document` above the size limit. */
  async getManifest(_reference: string, _options: CallOptions = {}): Promise<ReceivedManifest> {
    throw new Error('being written');
  }

  /** What a tag or digest is now; undefined where it is not there. Does not count as a pull at Docker Hub. */
  async headManifest(_reference: string, _options: CallOptions = {}): Promise<ManifestHead | undefined> {
    throw new Error('being written');
  }

  /** The bytes of a blob. A body that breaks is taken up where it broke, a server without Range is read again from its start; the caller
   *  sees each byte once. Not verified but for the size: whoever takes them hashes them. PlyfsError `registry-absent`, `digest` (size). */
  // biome-ignore lint/correctness/useYield: being written
  async *openBlob(_digest: Digest, _options: BlobOptions = {}): AsyncIterable<Uint8Array> {
    throw new Error('being written');
  }

  /** A small blob as a whole, verified: a config. PlyfsError as openBlob, `digest` for other bytes, `document` above `limitBytes`. */
  async readBlob(_descriptor: Descriptor, _limitBytes: number, _options: CallOptions = {}): Promise<Buffer> {
    throw new Error('being written');
  }

  /** Bytes of a blob that is there; undefined where it is not. 0 stands for an answer that does not tell a length, too. */
  async headBlob(_digest: Digest, _options: CallOptions = {}): Promise<number | undefined> {
    throw new Error('being written');
  }

  /** Whether the blob could be taken over from the repository `from` of the same registry. */
  async mountBlob(_digest: Digest, _from: string, _options: CallOptions = {}): Promise<boolean> {
    throw new Error('being written');
  }

  /** Brings a blob here in the cheapest way: it exists, is mounted, or is sent. An upload that breaks goes on after what the registry has;
   *  one that it forgot begins again. A failed or aborted upload is deleted there. */
  async upload(_source: UploadSource, _options: UploadOptions = {}): Promise<Uploaded> {
    throw new Error('being written');
  }

  /** Writes a manifest or index under a tag or its digest. PlyfsError `registry-blob-unknown` (its `missing` lists digests) where blobs that
   *  it names are gone, `registry-media-type` where the registry does not take such documents. */
  async putManifest(
    _reference: string,
    _manifest: { readonly bytes: Uint8Array; readonly mediaType: string },
    _options: CallOptions = {},
  ): Promise<Digest> {
    throw new Error('being written');
  }

  /** PlyfsError `registry-unsupported` where the registry deletes nothing. False: it was not there. */
  async deleteManifest(_digest: Digest, _options: CallOptions = {}): Promise<boolean> {
    throw new Error('being written');
  }

  /** Tags in the registry's order, page by page. */
  // biome-ignore lint/correctness/useYield: being written
  async *listTags(_options: CallOptions = {}): AsyncIterable<string> {
    throw new Error('being written');
  }

  /** Manifests whose `subject` is `digest`; of one artifact type if given. Falls back to the tag `sha256-HEX` of older registries. */
  async referrers(_digest: Digest, _artifactType?: string, _options: CallOptions = {}): Promise<readonly Descriptor[]> {
    throw new Error('being written');
  }
}
