/** plyfs rename: another name for a container. */

import { renameContainer } from '../../store/containers.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';

export const command = newCommand('rename', 'Gives a container another name.', ['plyfs rename web web-old'])
  .argument('<container>', 'its name, or the beginning of its ID')
  .argument('<name>', 'the new name')
  .action((container: string, name: string) => renameContainer(new Store(), container, name));
