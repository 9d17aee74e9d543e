/** plyfs tag: a further name for an image. */

import { tagImage } from '../../store/images.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';

export const command = newCommand('tag', 'Gives an image of the store a further name.', [
  'plyfs tag app:1.0 registry.example.org/team/app:1.0',
])
  .argument('<source>', 'a name, ID or digest')
  .argument('<target>', 'the new name; taken from the image that has it')
  .action(async (source: string, target: string) => tagImage(new Store(), source, target));
