/** The image of a command is pulled first where it is missing, with docker's lines on standard error. */

import { shortId } from '../base/digest.js';
import { pullPolicyFrom } from '../base/pull-policy.js';
import { ensureImage } from '../image/ensure.js';
import type { SourceLayer } from '../oci/source.js';
import type { Store } from '../store/store.js';
import type { Command } from './command.js';
import { LayerLines } from './layer-lines.js';

export interface PullFirstOptions {
  pull?: string;
  platform?: string;
}

export function withPull(command: Command): Command {
  return command.option(
    '--pull <when>',
    'fetch the image from its registry: always, missing or never; by default where it is missing and its name says the registry',
  );
}

/** Resolves to what the image is called in the store. */
export function pullFirst(store: Store, text: string, { pull, platform }: PullFirstOptions): Promise<string> {
  const lines = new LayerLines('text', process.stderr);
  return ensureImage(store, text, {
    policy: pull === undefined ? undefined : pullPolicyFrom(pull),
    platform,
    registry: { onRetry: (sentence) => process.stderr.write(`plyfs: ${sentence}\n`) },
    onPull: (name) => lines.say(`Unable to find image '${name}' locally`),
    progress: (layer, bytes) => lines.bytes(idOf(layer), 'Downloading', bytes, layer.sizeBytes),
    onLayer: (layer, state) => {
      if (state !== 'begun') lines.step(idOf(layer), state.kind === 'exists' ? 'Already exists' : 'Pull complete', true);
    },
  });
}

function idOf(layer: SourceLayer): string {
  return shortId(layer.descriptor?.digest ?? layer.diffId);
}
