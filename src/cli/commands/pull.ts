/** plyfs pull: images from registries, in docker's lines. */

import { shortId } from '../../base/digest.js';
import { PlyfsError } from '../../base/errors.js';
import { pullBy, tagsToPull } from '../../image/pull.js';
import { canonicalText, defaultDomain, familiarText, parseReference } from '../../oci/reference.js';
import type { SourceLayer } from '../../oci/source.js';
import type { RegistrySession } from '../../registry/client.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';
import { LayerLines } from '../layer-lines.js';
import { type RegistrySessionOptions, withRegistry, withRegistryOptions } from '../registry-session.js';

interface Options extends RegistrySessionOptions {
  quiet?: boolean;
  allTags?: boolean;
  platform?: string;
  json?: boolean;
}

export const command = withRegistryOptions(
  newCommand(
    'pull',
    'Pulls an image from a registry into the store. Layers that are there are not fetched; what breaks off is gone on with by the next pull.\n' +
      'The compressed layers are kept as they came, so that the image goes on with the same digests (push, save, copy).',
    ['plyfs pull alpine', 'plyfs pull ghcr.io/team/app:1.2 --platform linux/arm64', 'plyfs pull -a localhost:5000/team/app'],
  ),
)
  .argument('<name>', '[HOST/]NAME[:TAG|@DIGEST]; without a host at Docker Hub')
  .option('-q, --quiet', 'print the name only')
  .option('-a, --all-tags', 'every tag of the repository')
  .option('--platform <os/arch>', 'which image of an index')
  .option('--json', 'print an event a line')
  .action((name: string, options: Options) =>
    withRegistry(options, async (session) => {
      const bare = name.replace(/^docker:\/\//, '');
      const lines = new LayerLines(options.json === true ? 'json' : options.quiet === true ? 'quiet' : 'text');
      const names = options.allTags === true ? await tagsToPull(session, bare) : [bare];
      if (names.length === 0) throw new PlyfsError('registry-absent', `${bare} has no tags at its registry`);
      const isDefault = options.allTags !== true && hasNeither(bare);
      if (isDefault) lines.say('Using default tag: latest');
      for (const each of names) await pullOne(session, each, options, lines);
    }),
  );

function hasNeither(name: string): boolean {
  const { tag, digest } = parseReference(name);
  return tag === undefined && digest === undefined;
}

async function pullOne(session: RegistrySession, name: string, options: Options, lines: LayerLines): Promise<void> {
  const pulled = await pullBy(session, new Store(), name, {
    platform: options.platform,
    onImage: (image, reference) => {
      const { domain, path, tag, digest } = reference;
      lines.say(`${digest ?? tag}: Pulling from ${domain === defaultDomain ? path : `${domain}/${path}`}`);
      for (const layer of new Set(image.layers.map(idOf))) lines.step(layer, 'Pulling fs layer');
    },
    progress: (layer, bytes) => lines.bytes(idOf(layer), 'Downloading', bytes, layer.sizeBytes),
    onLayer: (layer, state) => {
      if (state === 'begun') return;
      lines.step(idOf(layer), state.kind === 'exists' ? 'Already exists' : 'Pull complete', true);
    },
  });
  const { reference, digest } = pulled;
  lines.freeze();
  const familiar = familiarText(reference);
  lines.say(`Digest: ${digest}`);
  lines.say(pulled.wasThere ? `Status: Image is up to date for ${familiar}` : `Status: Downloaded newer image for ${familiar}`);
  if (options.json !== true) process.stdout.write(`${canonicalText(reference)}\n`);
}

function idOf(layer: SourceLayer): string {
  return shortId(layer.descriptor?.digest ?? layer.diffId);
}
