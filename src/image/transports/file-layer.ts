/** A layer that lies in a file: a SourceLayer for the sources on disk. */

import { createReadStream } from 'node:fs';
import type { Digest } from '../../base/digest.js';
import type { Descriptor } from '../../oci/manifest.js';
import type { FileRange, SourceLayer } from '../../oci/source.js';

export function fileLayer(diffId: Digest, descriptor: Descriptor | undefined, location: FileRange): SourceLayer {
  return {
    diffId,
    descriptor,
    sizeBytes: location.size,
    location,
    read: (offset = 0) => readInOrder({ ...location, start: location.start + offset, size: location.size - offset }),
  };
}

function readInOrder(range: FileRange): AsyncIterable<Uint8Array> {
  if (range.size === 0) return empty();
  return createReadStream(range.path, { start: range.start, end: range.start + range.size - 1, highWaterMark: 1024 * 1024 });
}

async function* empty(): AsyncGenerator<Uint8Array> {}
