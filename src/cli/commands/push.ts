/** plyfs push: images of the store to registries, in docker's lines. */

import { shortId } from '../../base/digest.js';
import { pushBy } from '../../image/push.js';
import { parseReference, repositoryOf } from '../../oci/reference.js';
import type { LayerOutcome, SourceLayer } from '../../oci/source.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';
import { LayerLines } from '../layer-lines.js';
import { type RegistrySessionOptions, withRegistry, withRegistryOptions } from '../registry-session.js';

interface Options extends RegistrySessionOptions {
  quiet?: boolean;
  allTags?: boolean;
  json?: boolean;
}

export const command = withRegistryOptions(
  newCommand(
    'push',
    'Pushes an image of the store to the registry that its name says, with the digests it came with. Layers that are there, or in another\n' +
      'repository of that registry, are not sent.',
    ['plyfs push localhost:5000/team/app:1', 'plyfs tag app:1 ghcr.io/team/app:1 && plyfs push ghcr.io/team/app:1'],
  ),
)
  .argument('<name>', '[HOST/]NAME[:TAG]; without a host to Docker Hub')
  .option('-q, --quiet', 'print the name only')
  .option('-a, --all-tags', 'every tag of the repository')
  .option('--json', 'print an event a line')
  .action((name: string, options: Options) =>
    withRegistry(options, async (session) => {
      const bare = name.replace(/^docker:\/\//, '');
      const lines = new LayerLines(options.json === true ? 'json' : options.quiet === true ? 'quiet' : 'text');
      const reference = parseReference(bare);
      lines.say(`The push refers to repository [${repositoryOf(reference)}]`);
      if (options.allTags !== true && reference.tag === undefined) lines.say('Using default tag: latest');
      const pushed = await pushBy(session, new Store(), bare, {
        allTags: options.allTags === true,
        onImage: (image) => {
          for (const layer of new Set(image.layers.map(idOf))) lines.step(layer, 'Preparing');
        },
        progress: (layer, bytes) => lines.bytes(idOf(layer), 'Pushing', bytes, layer.sizeBytes),
        onLayer: (layer, state) => {
          if (state !== 'begun') lines.step(idOf(layer), wordOf(state), true);
        },
      });
      lines.freeze();
      for (const { tag, digest, sizeBytes } of pushed) lines.say(`${tag}: digest: ${digest} size: ${sizeBytes}`);
      if (options.quiet === true) {
        for (const { tag } of pushed) process.stdout.write(`${repositoryOf(reference)}:${tag}\n`);
      }
    }),
  );

function wordOf(outcome: LayerOutcome): string {
  if (outcome.kind === 'exists') return 'Layer already exists';
  return outcome.kind === 'mounted' ? `Mounted from ${outcome.from}` : 'Pushed';
}

/** docker's lines of a push name layers by their diffIDs. */
function idOf(layer: SourceLayer): string {
  return shortId(layer.diffId);
}
