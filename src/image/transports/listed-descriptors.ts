/** The lines of an index.json for one image: one for each name, as docker writes them (S-1). */

import type { Descriptor } from '../../oci/manifest.js';
import { parseReference } from '../../oci/reference.js';
import type { SourceImage } from '../../oci/source.js';

export function listedDescriptors(image: SourceImage, descriptor: Descriptor, names: readonly string[]): object[] {
  const { os, architecture, variant } = image.config.platform;
  const platform = { architecture, os, ...(variant === undefined ? {} : { variant }) };
  if (names.length === 0) return [{ ...descriptor, platform }];
  return names.map((name) => {
    const tag = parseReference(name).tag ?? 'latest';
    const annotations = { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': tag };
    return { ...descriptor, annotations, platform };
  });
}
