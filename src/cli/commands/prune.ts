/** plyfs prune: what nothing needs any more goes. */

import { pruneStore } from '../../store/images.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';
import { isConfirmed } from '../confirm.js';
import { sizeText } from '../units.js';
import { linesOf } from './rmi.js';

export const command = newCommand(
  'prune',
  'Removes images without a name, what killed loads left behind, and what was kept to open archives quicker.',
  ['plyfs prune', 'plyfs prune -a -f'],
)
  .option('-a, --all', 'every image that no container and no mount uses')
  .option('-f, --force', 'do not ask')
  .action(async (options: { all?: boolean; force?: boolean }) => {
    const isAll = options.all === true;
    const which = isAll ? 'all images without a container or mount using them' : 'all images without a name';
    if (options.force !== true && !(await isConfirmed(`This will remove ${which}.`))) return;
    const { deleted, collected } = await pruneStore(new Store(), isAll);
    // docker writes these in small letters, unlike those of rmi
    const lines = deleted.flatMap(linesOf).map(([verb, what]) => `${verb.toLowerCase()}: ${what}\n`);
    const images = lines.join('');
    if (images !== '') process.stdout.write(`Deleted Images:\n${images}\n`);
    process.stdout.write(`Total reclaimed space: ${sizeText(collected.bytes)}\n`);
  });
