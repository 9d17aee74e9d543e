/** plyfs copy: an image from wherever it lies to wherever it shall lie. */

import { shortId } from '../../base/digest.js';
import { copyBetween } from '../../image/copy.js';
import type { SourceLayer } from '../../oci/source.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';
import { LayerLines } from '../layer-lines.js';
import { type RegistrySessionOptions, withRegistry, withRegistryOptions } from '../registry-session.js';

interface Options extends RegistrySessionOptions {
  quiet?: boolean;
  all?: boolean;
  platform?: string;
  json?: boolean;
}

export const command = withRegistryOptions(
  newCommand(
    'copy',
    'Copies an image between the store, registries, layouts and archives, with the digests it has. Places are written as skopeo writes them:\n' +
      'docker://HOST/NAME[:TAG], oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME]; a name alone is one of the store.',
    [
      'plyfs copy docker://ghcr.io/team/app:1 oci:layout:v1',
      'plyfs copy app:1 docker://localhost:5000/team/app:1',
      'plyfs copy --all docker://docker.io/library/alpine:3 docker://localhost:5000/alpine:3',
    ],
  ),
)
  .argument('<source>', 'where the image lies')
  .argument('<destination>', 'where it shall lie')
  .option('-a, --all', 'the whole index, between registries: every platform, and attestations')
  .option('--platform <os/arch>', 'which image of an index')
  .option('-q, --quiet', 'print nothing but the digest')
  .option('--json', 'print an event a line')
  .action((source: string, destination: string, options: Options) =>
    withRegistry(options, async (session) => {
      const lines = new LayerLines(options.json === true ? 'json' : options.quiet === true ? 'quiet' : 'text');
      const digest = await copyBetween(session, new Store(), source, destination, {
        all: options.all === true,
        platform: options.platform,
        progress: (layer, bytes) => lines.bytes(idOf(layer), 'Copying', bytes, layer.sizeBytes),
        onLayer: (layer, state) => {
          if (state !== 'begun') lines.step(idOf(layer), state.kind === 'exists' ? 'Already exists' : 'Copied', true);
        },
      });
      lines.freeze();
      if (digest !== undefined && options.json !== true) process.stdout.write(`${digest}\n`);
    }),
  );

function idOf(layer: SourceLayer): string {
  return shortId(layer.descriptor?.digest ?? layer.diffId);
}
