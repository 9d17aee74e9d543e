/** What the commands that look into an image have in common: how the image is named, and opening it. */

import { PlyfsError } from '../base/errors.js';
import { locateImage } from '../image/find/locate.js';
import type { LocatedImage } from '../image/stack/located-image.js';
import type { OpenedLayer } from '../image/stack/stack.js';
import { openStackOf } from '../image/stack/stack.js';
import type { StackChoice } from '../image/stack/stack-choice.js';
import { ImageView } from '../image/tree/image-view.js';
import { Store } from '../store/store.js';
import type { Command } from './command.js';
import { pullFirst, withPull } from './pull-first.js';

export const imageArgument = [
  '<image>',
  'an archive, OCI layout or root tar; or a name, ID or digest in the store; file.tar#name for one of several',
] as const;

export interface ImageOptions {
  platform?: string;
  layer?: string;
  upto?: string;
  pull?: string;
}

/** The argument and the options that choose what of the image is looked at. */
export function withImage(command: Command): Command {
  return withPull(command)
    .argument(...imageArgument)
    .option('--platform <os/arch>', 'which image of an index')
    .option('--layer <n>', 'this layer alone (1 is the bottom)')
    .option('--upto <n>', 'the image as of this layer');
}

export function stackChoice(options: ImageOptions): StackChoice {
  return {
    ...(options.layer === undefined ? {} : { only: layerNumber(options.layer) }),
    ...(options.upto === undefined ? {} : { upto: layerNumber(options.upto) }),
  };
}

function layerNumber(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new PlyfsError('usage', `"${text}" is not the number of a layer`);
}

/** Calls `use` with the merged tree of the image and closes it. */
export async function withView<T>(
  name: string,
  options: ImageOptions,
  use: (view: ImageView, image: LocatedImage) => T | Promise<T>,
): Promise<T> {
  const store = new Store();
  const image = await locateImage(store, await pullFirst(store, name, options), options.platform);
  const view = new ImageView(name, await openStackOf(store, image, stackChoice(options)));
  try {
    return await use(view, image);
  } finally {
    view.close();
  }
}

/** The same with the layers, top first, not merged. */
export async function withStack<T>(
  name: string,
  options: ImageOptions,
  use: (stack: readonly OpenedLayer[], image: LocatedImage) => T,
): Promise<T> {
  const store = new Store();
  const image = await locateImage(store, await pullFirst(store, name, options), options.platform);
  const stack = await openStackOf(store, image, stackChoice(options));
  try {
    return use(stack, image);
  } finally {
    for (const { layer } of stack) layer.close();
  }
}
