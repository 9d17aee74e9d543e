/** plyfs prune: what nothing needs any more goes. */

import { pruneFilter } from '../../image/listing.js';
import { pruneStore } from '../../store/images.js';
import { Store } from '../../store/store.js';
import { collected, newCommand } from '../command.js';
import { isConfirmed } from '../confirm.js';
import { sizeText } from '../units.js';
import { linesOf } from './rmi.js';

export const command = newCommand(
  'prune',
  'Removes images without a name, what killed loads left behind, and what was kept to open archives quicker.',
  ['plyfs prune', 'plyfs prune -a -f', 'plyfs prune --filter until=24h --filter label!=keep'],
)
  .option('-a, --all', 'every image that no container and no mount uses')
  .option('-f, --force', 'do not ask')
  .option('--filter <key=value>', 'only images that fit: until, label, label!', collected, [])
  .action(async (options: { all?: boolean; force?: boolean; filter: string[] }) => {
    const store = new Store();
    const filter = pruneFilter(store, options.filter);
    const isAll = options.all === true || filter.all;
    const which = isAll ? 'all images without a container or mount using them' : 'all images without a name';
    if (
      options.force !== true &&
      !(await isConfirmed(
        `This will remove ${which}${options.filter.length === 0 ? '' : ` that fit ${options.filter.join(' and ')}`}.`,
      ))
    )
      return;
    const { deleted, collected: gone } = await pruneStore(store, isAll, filter.isWanted);
    // docker writes these in small letters, unlike those of rmi
    const lines = deleted.flatMap(linesOf).map(([verb, what]) => `${verb.toLowerCase()}: ${what}\n`);
    const images = lines.join('');
    if (images !== '') process.stdout.write(`Deleted Images:\n${images}\n`);
    process.stdout.write(`Total reclaimed space: ${sizeText(gone.bytes)}\n`);
  });
