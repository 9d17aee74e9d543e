/** Image archives made member by member, right and wrong, for tests: docker's two layouts and OCI's. */

import { createHash } from 'node:crypto';
import { type RawEntry, rawTar } from './tar-bytes.js';

export const digestOf = (bytes: Buffer | string): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
export const hexOf = (bytes: Buffer | string): string => digestOf(bytes).slice(7);

export interface Parts {
  /** Uncompressed tars, bottom first. */
  layers: Buffer[];
  config: object;
  /** The layers as stored, if not plain. */
  stored?: Buffer[];
}

/** An image of these layer tars with a config that fits. */
export function partsOf(...layers: Buffer[]): Parts {
  return {
    layers,
    config: {
      architecture: 'amd64',
      os: 'linux',
      created: '2020-01-02T03:04:05Z',
      config: { Cmd: ['/bin/sh'] },
      rootfs: { type: 'layers', diff_ids: layers.map(digestOf) },
      history: layers.map((_, at) => ({ created_by: `step ${at + 1}` })),
    },
  };
}

/** A layer with one file. */
export function layerWith(name: string, content: string): Buffer {
  return rawTar({ name, data: content });
}

/** Members by name; a string target makes a symlink. */
export type Members = Map<string, Buffer | { link: string }>;

export function archiveOf(members: Members): Buffer {
  const entries = [...members].map(
    ([name, value]): RawEntry => (Buffer.isBuffer(value) ? { name, data: value } : { name, type: '2', link: value.link }),
  );
  return rawTar(...entries);
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** docker 1.10 to 24: a directory for each layer (S-2). A layer that repeats is a symlink, before its target. */
export function legacyArchive({ layers, config, stored = layers }: Parts, tag = 'old:1'): Members {
  const bytes = json(config);
  const members: Members = new Map();
  const paths = stored.map((layer, at) => {
    const directory = hexOf(`${at}${hexOf(layer)}`);
    const later = stored.findIndex((other, index) => index > at && other.equals(layer));
    const target = `../${hexOf(`${later}${hexOf(layer)}`)}/layer.tar`;
    members.set(`${directory}/VERSION`, Buffer.from('1.0'));
    members.set(`${directory}/json`, json({ id: directory }));
    members.set(`${directory}/layer.tar`, later < 0 ? layer : { link: target });
    return `${directory}/layer.tar`;
  });
  members.set(`${hexOf(bytes)}.json`, bytes);
  members.set('manifest.json', json([{ Config: `${hexOf(bytes)}.json`, RepoTags: tag === '' ? null : [tag], Layers: paths }]));
  members.set('repositories', json({}));
  return members;
}

/** An OCI layout as the members of a tar (O-1, O-4). */
export function ociArchive({ layers, config, stored = layers }: Parts, annotations: Record<string, string> = {}): Members {
  const configBytes = json(config);
  const manifest = json({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: descriptor('application/vnd.oci.image.config.v1+json', configBytes),
    layers: stored.map((layer) => descriptor('application/vnd.oci.image.layer.v1.tar', layer)),
  });
  const members: Members = new Map();
  for (const blob of [configBytes, manifest, ...stored]) members.set(`blobs/sha256/${hexOf(blob)}`, blob);
  const listed = { ...descriptor('application/vnd.oci.image.manifest.v1+json', manifest), annotations };
  members.set('index.json', json({ schemaVersion: 2, manifests: [listed] }));
  members.set('oci-layout', json({ imageLayoutVersion: '1.0.0' }));
  return members;
}

export function descriptor(mediaType: string, bytes: Buffer): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}
