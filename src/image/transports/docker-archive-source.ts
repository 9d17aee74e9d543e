/** A docker-archive as an image source: engine 25 and later (which is an OCI layout too) and 1.10 to 24 (S-1, S-2, S-4). */

import { type Digest, sha256Of } from '../../base/digest.js';
import { PlyfsError } from '../../base/errors.js';
import { readLimits } from '../../base/limits.js';
import { type ImageConfig, parseImageConfig } from '../../oci/config.js';
import { type ArchivedImage, parseDockerManifest } from '../../oci/docker-archive.js';
import { noImageIn } from '../../oci/no-such-image.js';

import { parsePlatform, platformDistance, platformText } from '../../oci/platform.js';
import type { ImageChoice, SourceImage } from '../../oci/source.js';
import { chooseByName } from './choose.js';
import { Documents } from './documents.js';
import { fileLayer } from './file-layer.js';
import { LayoutSource } from './layout-source.js';
import type { LocalSource } from './local-source.js';
import { type Members, readMember } from './members.js';

interface IdentifiedConfig {
  readonly id: Digest;
  readonly config: ImageConfig;
}

export class DockerArchiveSource implements LocalSource {
  readonly kind = 'docker-archive';
  readonly label: string;
  private readonly images: readonly ArchivedImage[];
  /** Engine 25 and later: the manifests of the same images. */
  private readonly layout: LayoutSource | undefined;
  private readonly configs: Documents<IdentifiedConfig>;

  constructor(private readonly members: Members) {
    this.label = members.label;
    this.configs = new Documents(members, readLimits().configBytes);
    const bytes = readMember(members, 'manifest.json', readLimits().manifestBytes);
    if (bytes === undefined) {
      throw new PlyfsError(
        'archive',
        `${this.label} has no manifest.json: archives of docker before 1.10 are not read, save the image again with a newer engine`,
      );
    }
    this.images = parseDockerManifest(bytes, `manifest.json in ${this.label}`);
    this.layout = members.find('index.json') === undefined ? undefined : new LayoutSource(members);
  }

  async find(choice: ImageChoice): Promise<SourceImage> {
    const images = this.images.map((image, index) => this.read(image, index));
    const candidates = images.map((image) => ({ image, names: image.names, digests: [image.id] }));
    try {
      const { image } = chooseByName(candidates, choice.name, this.label);
      this.checkPlatform(image, choice.platform);
      return image;
    } catch (error) {
      const isUnknown = error instanceof PlyfsError && error.code === 'no-image';
      // The layout's own names: a tag that is no reference, a manifest's digest.
      const listed = isUnknown && choice.name !== undefined ? await this.layout?.findIfListed(choice) : undefined;
      if (listed === undefined) throw error;
      return listed;
    }
  }

  /** Those of `platform`, where one is asked for. PlyfsError `platform` where there is none. */
  async all(platform: string | undefined): Promise<SourceImage[]> {
    if (this.images.length === 0) throw noImageIn(`manifest.json in ${this.label}`);
    const images = this.images.map((image, index) => this.read(image, index));
    const fitting = images.filter((image) => platform === undefined || fitsPlatform(image, platform));
    if (fitting.length === 0) this.checkPlatform(images[0]!, platform); // one at least
    return fitting;
  }

  close(): void {}

  private read(archived: ArchivedImage, index: number): SourceImage {
    const what = `config ${archived.config} in ${this.label}`;
    const found = this.configs.read(archived.config, (bytes) => ({
      id: sha256Of(bytes),
      config: parseImageConfig(bytes, what),
    }));
    if (found === undefined) {
      throw new PlyfsError(
        'archive',
        `manifest.json in ${this.label} names the config ${archived.config} of image ${index}, which is missing`,
      );
    }
    const { id, config } = found.document;
    if (archived.layers.length !== config.diffIds.length) {
      throw new PlyfsError(
        'archive',
        `manifest.json in ${this.label} lists ${archived.layers.length} layers, but ${what} has ${config.diffIds.length} diff_ids`,
      );
    }
    const layers = archived.layers.map((path, at) => {
      const location = this.members.find(path);
      if (location === undefined)
        throw new PlyfsError('archive', `manifest.json in ${this.label} names the layer ${path}, which is missing`);
      return fileLayer(config.diffIds[at]!, undefined, location);
    });
    return { id, configBytes: found.bytes, config, manifest: this.layout?.findManifest(id), names: archived.names, layers };
  }

  private checkPlatform(image: SourceImage, wanted: string | undefined): void {
    if (wanted === undefined || fitsPlatform(image, wanted)) return;
    throw new PlyfsError('platform', `${this.label} has no image for ${wanted}; it has ${platformText(image.config.platform)}`);
  }
}

function fitsPlatform(image: SourceImage, wanted: string): boolean {
  return platformDistance(parsePlatform(wanted), image.config.platform) !== undefined;
}
