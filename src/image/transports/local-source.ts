/** Image sources that lie on disk. Implementers: docker-archive-source.ts, layout-source.ts. */

import type { ImageSource, SourceImage } from '../../oci/source.js';

export interface LocalSource extends ImageSource {
  readonly kind: 'docker-archive' | 'oci-layout';
  /** Every image it names, of `platform` where an index offers several. */
  all(platform: string | undefined): Promise<SourceImage[]>;
}
