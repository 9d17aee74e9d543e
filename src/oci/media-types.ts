/** Media types of image documents and layers (I-7; OCI media-types.md, docker's image-manifest-v2-2). */

export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  layerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  layerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const;

export type DocumentKind = 'index' | 'manifest';

const kinds = new Map<string, DocumentKind>([
  [mediaTypes.index, 'index'],
  [mediaTypes.dockerIndex, 'index'],
  [mediaTypes.manifest, 'manifest'],
  [mediaTypes.dockerManifest, 'manifest'],
]);

/** Whether a media type names an index or a manifest; undefined for everything else. */
export function documentKindOf(mediaType: string): DocumentKind | undefined {
  return kinds.get(mediaType);
}

/** What a registry is asked to answer with. */
export const manifestAccept = [...kinds.keys()].join(', ');

/** A layer whose bytes are fetched from elsewhere and may not be pushed ("foreign", "nondistributable"). */
export function isForeignLayer(mediaType: string): boolean {
  return mediaType.includes('.foreign.') || mediaType.includes('.nondistributable.');
}

const configTypes = new Set<string>([mediaTypes.config, mediaTypes.dockerConfig]);

/** Whether a config of this type is an image's; other types are artifacts' (helm charts, signatures, attestations). */
export function isImageConfig(mediaType: string): boolean {
  return configTypes.has(mediaType);
}
