/** plyfs create: a container of an image. */

import { newContainer } from '../../container/create.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';

export const command = newCommand(
  'create',
  'Makes a container: a writable tree over an image of the store, kept until plyfs rm. Prints its ID.',
  ['plyfs create --name web app:1.0', 'plyfs mount "$(plyfs create app:1.0)" /mnt'],
)
  .argument('<image>', 'a name, ID or digest in the store')
  .option('--name <name>', 'what it is called; without it the first 12 characters of its ID')
  .action(async (image: string, options: { name?: string }) => {
    const container = await newContainer(new Store(), image, options.name);
    process.stdout.write(`${container.id}\n`);
  });
