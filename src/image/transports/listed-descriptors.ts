/** The lines of an index.json for one image: one for each name, as docker writes them (S-1). A name by digest alone has no tag to tell. */

import type { Descriptor } from '../../oci/manifest.js';
import { parseReference, taggedText } from '../../oci/reference.js';
import type { SourceImage } from '../../oci/source.js';

export const refNameKey = 'org.opencontainers.image.ref.name';

/** `refName`: the name in a layout of its own, which need not be a reference (`v1`). */
export function listedDescriptors(
  image: SourceImage,
  descriptor: Descriptor,
  names: readonly string[],
  refName?: string,
): object[] {
  const { os, architecture, variant } = image.config.platform;
  const platform = { architecture, os, ...(variant === undefined ? {} : { variant }) };
  if (refName !== undefined) return [{ ...descriptor, annotations: { [refNameKey]: refName }, platform }];
  if (names.length === 0) return [{ ...descriptor, platform }];
  return [...new Set(names.map((name) => taggedText(name) ?? name))].map((name) => {
    const { tag } = parseReference(name);
    const tagged = tag === undefined ? {} : { [refNameKey]: tag };
    return { ...descriptor, annotations: { 'io.containerd.image.name': name, ...tagged }, platform };
  });
}
