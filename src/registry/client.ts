/** What plyfs asks of registries (OCI distribution-spec 1.1): a session with their connections and tokens, and in it repositories with
 *  manifests, blobs, tags and referrers. Every failure is a PlyfsError of failure.ts that names registry and repository. */

import { createHash } from 'node:crypto';
import { algorithmOf, type Digest, parseDigest } from '../base/digest.js';
import { PlyfsError } from '../base/errors.js';
import { checkDocumentSize } from '../base/limits.js';
import type { Descriptor } from '../oci/manifest.js';
import { type BlobOptions, type BlobSite, readBlob } from './blob.js';
import type { Credential, PasswordCredential } from './credential-files.js';
import { failed, type Place } from './failure.js';
import { headBlob } from './head-blob.js';
import { homeOf, isBlocked, type ReferenceKind, type Site, sitesOf } from './hosts.js';
import { login } from './login.js';
import {
  deleteManifest,
  getManifest,
  headManifest,
  type ManifestHead,
  putManifest,
  type ReceivedManifest,
  referrers,
} from './manifests.js';
import { jsonOf, namesIn, pagesOf } from './paging.js';
import {
  catalogResult,
  defaultSearchLimit,
  isWithoutSearch,
  nameMatches,
  resultsFrom,
  type SearchOptions,
  type SearchResult,
  searchSources,
  searchTarget,
} from './search.js';
import { type Meanings, meaningsOf } from './short-names.js';
import { RepositorySite } from './site.js';
import { type RegistryOptions, Switchboard } from './switchboard.js';
import { mountBlob, type Uploaded, type UploadOptions, uploadBlob } from './upload.js';
import type { UploadSource } from './upload-source.js';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Connections, tokens and what is known of hosts, for one command or one program. */
export class RegistrySession {
  private readonly board: Switchboard;

  constructor(readonly options: RegistryOptions = {}) {
    this.board = new Switchboard(options);
  }

  /** The repository of a reference (`{ domain, path }`). Asks nobody yet. PlyfsError `registry-blocked` where registries.conf blocks it. */
  repository({ domain, path }: { readonly domain: string; readonly path: string }): Repository {
    const place: Place = { registry: domain, repository: path, item: '', wish: 'pull' };
    if (isBlocked(this.board.conf, domain, path)) {
      throw failed('registry-blocked', place, 'registries.conf blocks this registry: take "blocked" away there to use it');
    }
    return new Repository(this.board, domain, path);
  }

  /** Names of all repositories, page by page. PlyfsError `registry-absent`, `registry-denied` where the registry does not tell. */
  async *catalog(domain: string, options: CallOptions = {}): AsyncGenerator<string, void, undefined> {
    const place: Place = { registry: domain, repository: '', item: '', wish: 'pull' };
    const host = this.board.host(homeOf(this.board.conf, domain, ''));
    const signal = this.board.signal(options.signal);
    const documentBytes = this.board.limits.manifestBytes;
    const ask = (target: string | URL) =>
      host.expect(
        {
          method: 'GET',
          target,
          path: '',
          scopes: ['registry:catalog:*'],
          place,
          attempts: this.board.attempts(signal),
          signal,
          documentBytes,
        },
        [200],
      );
    for await (const page of pagesOf('/v2/_catalog?n=1000', ask, place)) {
      yield* namesIn(await jsonOf(page, documentBytes, place), 'repositories', place);
    }
  }

  /** What a registry's search finds for `term`, best first. PlyfsError `registry-unsupported` where it offers no search. */
  async search(domain: string, term: string, options: SearchOptions = {}): Promise<SearchResult[]> {
    const place: Place = { registry: domain, repository: '', item: '', wish: 'pull' };
    let refusal: unknown;
    for (const source of searchSources(domain)) {
      try {
        return await (source.kind === 'v1'
          ? this.indexSearch(source.domain, term, options)
          : this.catalogSearch(domain, term, options));
      } catch (error) {
        if (!isWithoutSearch(error)) throw error;
        refusal = error;
      }
    }
    const why =
      refusal instanceof PlyfsError && refusal.code === 'registry-denied' ? ', or only to others: plyfs login may help' : '';
    throw failed('registry-unsupported', place, `${domain} offers no search${why}`, refusal);
  }

  private async indexSearch(domain: string, term: string, options: SearchOptions): Promise<SearchResult[]> {
    const place: Place = { registry: domain, repository: '', item: '', wish: 'pull' };
    const signal = this.board.signal(options.signal);
    const documentBytes = this.board.limits.manifestBytes;
    const target = searchTarget(term, options.limit ?? defaultSearchLimit);
    const host = this.board.host({ authority: domain, path: '', isMirror: false, domain });
    const answer = await host.expect(
      {
        method: 'GET',
        target,
        isBareFirst: true,
        path: '',
        scopes: [],
        place,
        attempts: this.board.attempts(signal),
        signal,
        documentBytes,
      },
      [200],
    );
    return resultsFrom(await jsonOf(answer, documentBytes, place));
  }

  private async catalogSearch(domain: string, term: string, options: SearchOptions): Promise<SearchResult[]> {
    const found: SearchResult[] = [];
    for await (const name of this.catalog(domain, options)) {
      if (!nameMatches(name, term)) continue;
      found.push(catalogResult(name));
      if (found.length === (options.limit ?? defaultSearchLimit)) break;
    }
    return found;
  }

  /** What a name without a registry may mean here; see short-names.ts. */
  meanings(name: string): Meanings {
    return meaningsOf(name, this.board.conf);
  }

  /** Tries a credential. Resolves to what is to be kept of it: the registry may give a token for it. PlyfsError `registry-denied`. */
  async login(domain: string, credential: PasswordCredential, options: CallOptions = {}): Promise<Credential> {
    const signal = this.board.signal(options.signal);
    this.board.secrets.add(credential.secret);
    return login(
      this.board.host(homeOf(this.board.conf, domain, '')),
      domain,
      credential,
      this.board.http,
      this.board.attempts(signal),
      signal,
    );
  }

  /** Gives back the connections. */
  close(): void {
    this.board.close();
  }
}

/** One repository of one registry. Reads go to the mirrors of the registry first, in the order of registries.conf and daemon.json. */
export class Repository {
  constructor(
    private readonly board: Switchboard,
    /** As in references: `docker.io`, `localhost:5000`. */
    readonly domain: string,
    /** `library/busybox` */
    readonly path: string,
  ) {}

  /** The document of a tag or digest, its digest verified where one was asked for. PlyfsError `registry-absent` where there is none,
   *  `digest` for other bytes, `document` above the size limit and for what is no manifest. */
  async getManifest(reference: string, options: CallOptions = {}): Promise<ReceivedManifest> {
    return this.firstOf(reference, options, (site) => getManifest(site, reference, this.board.limits));
  }

  /** What a tag or digest is now; undefined where it is not there. Does not count as a pull at Docker Hub. */
  async headManifest(reference: string, options: CallOptions = {}): Promise<ManifestHead | undefined> {
    return this.firstOf(reference, options, (site) => headManifest(site, reference, this.board.limits));
  }

  /** The bytes of a blob. A body that breaks is taken up where it broke, a server without Range is read again from its start; the caller
   *  sees each byte once. Not verified but for the size: whoever takes them hashes them. PlyfsError `registry-absent`, `digest` (size). */
  openBlob(digest: Digest, options: BlobOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const signal = this.board.signal(options.signal);
    const attempts = this.board.attempts(signal);
    const sites = this.sites('digest', signal).map((site): BlobSite => {
      const call = site.call('GET', `blobs/${digest}`, digest, {}, 'pull', attempts);
      return {
        authority: site.host.authority,
        place: call.place,
        get: (headers) => site.host.send({ ...call, headers }),
        refusal: (answer) => site.host.refusal(call, answer),
      };
    });
    const foreign = (options.urls ?? []).flatMap(
      (url) => this.board.foreignSite(url, this.place(`@${digest}`), attempts, signal) ?? [],
    );
    return readBlob([...sites, ...foreign], digest, { ...options, signal }, attempts);
  }

  /** A small blob as a whole, verified: a config. PlyfsError as openBlob, `digest` for other bytes, `document` above `limitBytes`. */
  async readBlob(descriptor: Descriptor, limitBytes: number, options: CallOptions = {}): Promise<Buffer> {
    const { digest, size } = descriptor;
    checkDocumentSize(`${this.domain}/${this.path}@${digest}`, size, limitBytes);
    const hash = createHash(algorithmOf(digest));
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.openBlob(digest, { ...options, size })) {
      hash.update(chunk);
      chunks.push(chunk);
    }
    if (`${algorithmOf(digest)}:${hash.digest('hex')}` === digest) return Buffer.concat(chunks);
    throw failed(
      'digest',
      this.place(`@${digest}`),
      'the registry sent other bytes: the image is damaged there or on the way, nothing was taken',
    );
  }

  /** Bytes of a blob that is there; undefined where it is not. 0 stands for an answer that does not tell a length, too. */
  async headBlob(digest: Digest, options: CallOptions = {}): Promise<number | undefined> {
    return headBlob(this.home(options), digest);
  }

  /** Whether the blob could be taken over from the repository `from` of the same registry. */
  async mountBlob(digest: Digest, from: string, options: CallOptions = {}): Promise<boolean> {
    return mountBlob(this.home(options), digest, from, this.board.attempts(this.board.signal(options.signal)));
  }

  /** Brings a blob here in the cheapest way: it exists, is mounted, or is sent. An upload that breaks goes on after what the registry has;
   *  one that it forgot begins again. A failed or aborted upload is deleted there. */
  async upload(source: UploadSource, options: UploadOptions = {}): Promise<Uploaded> {
    const site = this.home(options);
    if ((await headBlob(site, source.digest)) !== undefined) return { kind: 'exists' };
    const signal = this.board.signal(options.signal);
    return uploadBlob(site, source, { ...options, signal }, this.board.attempts(signal), this.board.limits);
  }

  /** Writes a manifest or index under a tag or its digest. PlyfsError MissingBlobs (`registry-blob-unknown`) where blobs that it names are
   *  gone, `registry-media-type` where the registry does not take such documents. */
  async putManifest(
    reference: string,
    manifest: { readonly bytes: Uint8Array; readonly mediaType: string },
    options: CallOptions = {},
  ): Promise<Digest> {
    return putManifest(this.home(options), reference, manifest);
  }

  /** PlyfsError `registry-unsupported` where the registry deletes nothing. False: it was not there. */
  async deleteManifest(digest: Digest, options: CallOptions = {}): Promise<boolean> {
    return deleteManifest(this.home(options), digest);
  }

  /** Tags in the registry's order, page by page. */
  async *listTags(options: CallOptions = {}): AsyncGenerator<string, void, undefined> {
    const site = this.home(options);
    const documentBytes = this.board.limits.manifestBytes;
    const call = { ...site.call('GET', 'tags/list?n=1000', ''), documentBytes };
    const ask = (target: string | URL) => site.host.expect({ ...call, target }, [200]);
    for await (const page of pagesOf(String(call.target), ask, call.place)) {
      yield* namesIn(await jsonOf(page, documentBytes, call.place), 'tags', call.place);
    }
  }

  /** Manifests whose `subject` is `digest`; of one artifact type if given. Falls back to the tag `sha256-HEX` of older registries. */
  async referrers(digest: Digest, artifactType?: string, options: CallOptions = {}): Promise<readonly Descriptor[]> {
    return referrers(this.home(options), digest, artifactType, this.board.limits);
  }

  /** The answer of the first host that has one; a mirror's failure sends us on, the last one's is the caller's. */
  private async firstOf<T>(reference: string, options: CallOptions, ask: (site: RepositorySite) => Promise<T>): Promise<T> {
    const sites = this.sites(parseDigest(reference) === undefined ? 'tag' : 'digest', this.board.signal(options.signal));
    for (const site of sites.slice(0, -1)) {
      try {
        const found = await ask(site);
        if (found !== undefined) return found;
      } catch (error) {
        if (!(error instanceof PlyfsError)) throw error;
        this.board.onRetry(`${error.message}; going on to the next place`);
      }
    }
    return ask(sites.at(-1)!); // the registry itself is always there
  }

  private sites(kind: ReferenceKind, signal: AbortSignal | undefined): RepositorySite[] {
    return sitesOf(this.board.conf, this.domain, this.path, kind).map((site) => this.at(site, signal));
  }

  private home(options: CallOptions): RepositorySite {
    return this.at(homeOf(this.board.conf, this.domain, this.path), this.board.signal(options.signal));
  }

  private at(site: Site, signal: AbortSignal | undefined): RepositorySite {
    return new RepositorySite(this.board.host(site), site.path, this.place(''), () => this.board.attempts(signal), signal);
  }

  private place(item: string): Place {
    return { registry: this.domain, repository: this.path, item, wish: 'pull' };
  }
}
