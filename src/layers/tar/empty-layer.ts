/** A layer with nothing in it but a root: what shows of an image without layers (FROM scratch with nothing added). */

import { TarIndexBuilder } from './tar-index-builder.js';
import { TarLayer } from './tar-layer.js';

export function emptyLayer(): TarLayer {
  const builder = new TarIndexBuilder();
  builder.push(Buffer.alloc(1024)); // the end of a tar
  return new TarLayer('no layer', builder.finish(), { number: -1, close: () => undefined }, 0);
}
