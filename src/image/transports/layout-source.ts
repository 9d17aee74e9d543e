/** An OCI layout, directory or tar, as an image source (O-1 to O-4). */

import { algorithmOf, type Digest, digestLike, hexOf } from '../../base/digest.js';
import { PlyfsError } from '../../base/errors.js';
import { readLimits } from '../../base/limits.js';
import { type ImageConfig, parseImageConfig } from '../../oci/config.js';
import { JsonObject, parseJson } from '../../oci/json.js';
import { type Descriptor, type Index, type Manifest, parseManifest } from '../../oci/manifest.js';
import { documentKindOf } from '../../oci/media-types.js';
import { noImageIn } from '../../oci/no-such-image.js';
import { choosePlatform, isAttestation, parsePlatform, platformDistance } from '../../oci/platform.js';
import { canonicalText, parseReference, type Reference, withDefaultTag } from '../../oci/reference.js';
import type { ImageChoice, SourceImage, SourceLayer } from '../../oci/source.js';
import { type Candidate, chooseByName } from './choose.js';
import { Documents, type ParsedDocument } from './documents.js';
import { fileLayer } from './file-layer.js';
import type { LocalSource } from './local-source.js';
import { type Members, readMember } from './members.js';

/** Indexes inside indexes; nobody nests deeper than two. */
const nestingLimit = 8;

interface Listed extends Candidate {
  /** More than one where an index lists the same name for several platforms. */
  readonly descriptors: readonly Descriptor[];
}

interface FoundManifest {
  readonly manifest: Manifest;
  readonly bytes: Buffer;
  readonly descriptor: Descriptor;
  /** The outermost index that it was chosen from, where its name leads to one. */
  readonly index: SourceImage['index'];
}

export class LayoutSource implements LocalSource {
  readonly kind = 'oci-layout';
  readonly label: string;
  private readonly index: Index;
  private readonly manifests: Documents<Manifest | Index>;
  private readonly configs: Documents<ImageConfig>;
  /** Manifests by the config that they name, made when first asked for. */
  private byConfig: Map<Digest, NonNullable<SourceImage['manifest']>> | undefined;

  constructor(private readonly members: Members) {
    this.label = members.label;
    this.manifests = new Documents(members, readLimits().manifestBytes);
    this.configs = new Documents(members, readLimits().configBytes);
    this.checkVersion();
    const bytes = readMember(members, 'index.json', readLimits().manifestBytes);
    if (bytes === undefined) throw new PlyfsError('archive', `${this.label} has no index.json`);
    const what = `index.json in ${this.label}`;
    const index = parseManifest(bytes, what);
    if (index.kind !== 'index') throw new PlyfsError('document', `${what} is a manifest, not an index`);
    this.index = index;
  }

  private checkVersion(): void {
    const bytes = readMember(this.members, 'oci-layout', readLimits().manifestBytes);
    if (bytes === undefined) return;
    const what = `oci-layout in ${this.label}`;
    const version = new JsonObject(parseJson(bytes, what, readLimits().manifestBytes), what).text('imageLayoutVersion');
    if (version.startsWith('1.')) return;
    throw new PlyfsError('archive', `${what} says version ${version}; versions 1.x are read`);
  }

  async find(choice: ImageChoice): Promise<SourceImage> {
    const listed = chooseByName(this.list(), choice.name, this.label);
    return this.read(this.forPlatform(listed, choice.platform), listed.names);
  }

  /** As find; undefined where no such image is listed. */
  async findIfListed(choice: ImageChoice): Promise<SourceImage | undefined> {
    try {
      return await this.find(choice);
    } catch (error) {
      if (!(error instanceof PlyfsError) || error.code !== 'no-image') throw error;
      return undefined;
    }
  }

  async all(platform: string | undefined): Promise<SourceImage[]> {
    const list = this.list();
    if (list.length === 0) throw noImageIn(`index.json in ${this.label}`);
    return list.map((listed) => this.read(this.forPlatform(listed, platform), listed.names));
  }

  /** The manifest or index that index.json lists under `name`, as it is there. */
  receivedBytes(name: string | undefined): Buffer {
    const listed = chooseByName(this.list(), name, this.label);
    const [only] = listed.descriptors;
    if (only !== undefined && listed.descriptors.length === 1) return this.readDocument(only).bytes;
    return this.forPlatform(listed, undefined).bytes;
  }

  close(): void {}

  /** The manifest whose config is `id`, for who knows the image already; undefined where there is none here. */
  findManifest(id: Digest): SourceImage['manifest'] {
    this.byConfig ??= this.manifestsByConfig();
    return this.byConfig.get(id);
  }

  private manifestsByConfig(): Map<Digest, NonNullable<SourceImage['manifest']>> {
    const found = new Map<Digest, NonNullable<SourceImage['manifest']>>();
    for (const descriptor of this.index.manifests) {
      if (documentKindOf(descriptor.mediaType) !== 'manifest' || this.members.find(blobName(descriptor.digest)) === undefined)
        continue;
      const { document, bytes } = this.readDocument(descriptor);
      if (document.kind !== 'manifest' || found.has(document.config.digest)) continue;
      found.set(document.config.digest, { bytes, mediaType: document.mediaType });
    }
    return found;
  }

  private list(): Listed[] {
    const byName = new Map<string, Descriptor[]>();
    const list: Listed[] = [];
    for (const descriptor of this.index.manifests) {
      if (isAttestation(descriptor) || documentKindOf(descriptor.mediaType) === undefined) continue;
      const { names, plainName } = namesOf(descriptor);
      const key = names[0] ?? plainName;
      const same = key === undefined ? undefined : byName.get(key);
      // One name on several platforms is one image; the same name on the same platform is a question (O-2).
      if (
        same?.every((other) => other.platform !== undefined && descriptor.platform !== undefined && isOther(other, descriptor))
      ) {
        same.push(descriptor);
        continue;
      }
      const descriptors = [descriptor];
      if (key !== undefined && same === undefined) byName.set(key, descriptors);
      list.push({ names, descriptors, digests: this.digestsOf(descriptor), ...(plainName === undefined ? {} : { plainName }) });
    }
    return list;
  }

  /** What can name the entry: its manifest's digest and, if that is here, the image's ID. */
  private digestsOf(descriptor: Descriptor): Digest[] {
    if (documentKindOf(descriptor.mediaType) !== 'manifest' || this.members.find(blobName(descriptor.digest)) === undefined) {
      return [descriptor.digest];
    }
    const { document } = this.readDocument(descriptor);
    return document.kind === 'manifest' ? [document.config.digest, descriptor.digest] : [descriptor.digest];
  }

  private forPlatform(listed: Listed, platform: string | undefined): FoundManifest {
    const wanted = platform === undefined ? undefined : parsePlatform(platform);
    let candidates = listed.descriptors;
    let index: SourceImage['index'];
    for (let depth = 0; depth < nestingLimit; depth++) {
      const descriptor =
        candidates.length === 1 && (wanted === undefined || candidates[0]!.platform === undefined)
          ? candidates[0]!
          : choosePlatform(candidates, wanted, this.label);
      const { document, bytes } = this.readDocument(descriptor);
      if (document.kind === 'manifest') return { manifest: document, bytes, descriptor, index };
      index ??= { bytes, mediaType: document.mediaType, digest: descriptor.digest };
      candidates = document.manifests;
    }
    throw new PlyfsError('document', `${this.label} nests indexes more than ${nestingLimit} deep`);
  }

  private read(found: FoundManifest, names: readonly string[]): SourceImage {
    const { manifest } = found;
    const what = `config ${manifest.config.digest} in ${this.label}`;
    const parsed = this.readBlob(this.configs, manifest.config, (bytes) => parseImageConfig(bytes, what));
    const { bytes: configBytes, document: config } = parsed;
    if (manifest.layers.length !== config.diffIds.length) {
      throw new PlyfsError(
        'document',
        `manifest ${found.descriptor.digest} in ${this.label} has ${manifest.layers.length} layers, but ${what} has ${config.diffIds.length} diff_ids`,
      );
    }
    const layers = manifest.layers.map((descriptor, at) => this.layer(descriptor, config.diffIds[at]!));
    return {
      id: manifest.config.digest,
      configBytes,
      config,
      manifest: { bytes: found.bytes, mediaType: manifest.mediaType },
      ...(found.index !== undefined && { index: found.index }),
      names,
      layers,
    };
  }

  private layer(descriptor: Descriptor, diffId: Digest): SourceLayer {
    const location = this.members.find(blobName(descriptor.digest));
    if (location === undefined) throw this.missing('layer', descriptor);
    if (location.size !== descriptor.size) {
      throw new PlyfsError(
        'digest',
        `layer ${descriptor.digest} in ${this.label} has ${location.size} bytes, its descriptor says ${descriptor.size}`,
      );
    }
    return fileLayer(diffId, descriptor, location);
  }

  private readDocument(descriptor: Descriptor): ParsedDocument<Manifest | Index> {
    return this.readBlob(this.manifests, descriptor, (bytes) =>
      parseManifest(bytes, `manifest ${descriptor.digest} in ${this.label}`),
    );
  }

  private readBlob<T>(documents: Documents<T>, descriptor: Descriptor, parse: (bytes: Buffer) => T): ParsedDocument<T> {
    const { digest, size } = descriptor;
    const parsed = documents.read(blobName(digest), (bytes) => {
      if (digestLike(digest, bytes) !== digest) throw this.differs(digest);
      return parse(bytes);
    });
    if (parsed === undefined) throw this.missing('document', descriptor);
    if (parsed.bytes.length !== size) throw this.differs(digest);
    return parsed;
  }

  private differs(digest: Digest): PlyfsError {
    return new PlyfsError('digest', `blob ${digest} in ${this.label} is not what its descriptor says: size or digest differ`);
  }

  private missing(what: string, descriptor: Descriptor): PlyfsError {
    return new PlyfsError('archive', `${this.label} names the ${what} ${descriptor.digest}, which is missing from its blobs`);
  }
}

function blobName(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;
}

function isOther(one: Descriptor, other: Descriptor): boolean {
  return platformDistance(one.platform!, other.platform!) !== 0; // both were looked at
}

/** containerd's full name goes first; an annotation that is a whole reference counts as one, a bare tag does not. What is no reference is a
 *  name as it is written. */
function namesOf(descriptor: Descriptor): { names: string[]; plainName: string | undefined } {
  const full = descriptor.annotations?.get('io.containerd.image.name');
  const refName = descriptor.annotations?.get('org.opencontainers.image.ref.name');
  const reference = full === undefined ? undefined : referenceOf(full);
  if (reference !== undefined) return { names: [canonicalText(withDefaultTag(reference))], plainName: undefined };
  const plainName = refName ?? full;
  const whole = refName === undefined ? undefined : referenceOf(refName);
  return { names: whole?.tag === undefined ? [] : [canonicalText(whole)], plainName };
}

/** undefined for text that is none. */
function referenceOf(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    if (error instanceof PlyfsError && error.code === 'reference') return undefined;
    throw error;
  }
}
