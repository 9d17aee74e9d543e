/** A layer's size as docker counts it: the sum of its regular files' sizes, names of one file counted once (M-6). */

import { isRegular } from '../../base/mode.js';
import type { TarIndex } from '../../layers/tar/tar-index.js';

export function contentBytesOf(index: TarIndex): number {
  const { mode, size } = index.columns;
  let bytes = 0;
  for (let entry = 0; entry < index.entries; entry++) {
    if (isRegular(mode[entry]!) && index.first(entry) === entry) bytes += size[entry]!;
  }
  return bytes;
}
