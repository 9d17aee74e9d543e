/** load, save, pull and push: layers that the sink lacks, then the documents, then (by the caller) `commit`. */

import type { Digest } from '../base/digest.js';
import type { CopyProgress, ImageChoice, ImageSink, ImageSource, LayerOutcome, SourceImage, SourceLayer } from './source.js';

export interface CopyOptions {
  /** Canonical references for the image at the sink; without them those of the source. */
  names?: readonly string[];
  progress?: CopyProgress;
  /** Told when a layer is begun, and how it came to be there. */
  onLayer?: (layer: SourceLayer, state: 'begun' | LayerOutcome) => void;
}

/** Copies the image that `choice` names. Nothing is visible at the sink before its `commit`. */
export async function copyImage(
  source: ImageSource,
  choice: ImageChoice,
  sink: ImageSink,
  options: CopyOptions = {},
): Promise<SourceImage> {
  const image = await source.find(choice);
  await putImage(image, sink, options);
  return image;
}

/** The same for an image at hand. */
export async function putImage(image: SourceImage, sink: ImageSink, options: CopyOptions = {}): Promise<void> {
  const progress = options.progress ?? (() => {});
  const waiting = distinctLayers(image.layers);
  const failures: unknown[] = [];
  const takeLayer = async (layer: SourceLayer): Promise<void> => {
    options.onLayer?.(layer, 'begun');
    const isThere = await sink.hasLayer(layer);
    const outcome = isThere
      ? ({ kind: 'exists' } as const)
      : ((await sink.putLayer(layer, progress)) ?? ({ kind: 'put' } as const));
    progress(layer, layer.sizeBytes);
    options.onLayer?.(layer, outcome);
  };
  const takeLayers = async (): Promise<void> => {
    for (let layer = waiting.shift(); layer !== undefined && failures.length === 0; layer = waiting.shift()) {
      try {
        await takeLayer(layer);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: sink.parallelLayers }, takeLayers));
  if (failures.length > 0) throw failures[0];
  await sink.putImage(image, options.names ?? image.names);
}

/** Each blob once, in order: an image may hold one layer twice, and one tar in two forms. */
function distinctLayers(layers: readonly SourceLayer[]): SourceLayer[] {
  const seen = new Set<Digest>();
  const blobOf = (layer: SourceLayer): Digest => layer.descriptor?.digest ?? layer.diffId;
  return layers.filter((layer) => !seen.has(blobOf(layer)) && seen.add(blobOf(layer)));
}
