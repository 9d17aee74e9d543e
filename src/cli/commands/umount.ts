/** plyfs umount: ends mounts, and clears away those whose daemon is gone. */

import { unmount } from '../../mount/unmount.js';
import { newCommand } from '../command.js';

export const command = newCommand('umount', 'Ends the mount on each TARGET and waits until its daemon has ended.', [
  'plyfs umount /mnt',
  'plyfs umount --lazy /mnt    # also when it is in use: it vanishes now and ends with its last user',
])
  .argument('<target...>', 'mount points')
  .option('-l, --lazy', 'detach a busy mount')
  .action(async (targets: string[], options: { lazy?: boolean }) => {
    for (const target of targets) await unmount(target, process.cwd(), options.lazy === true);
  });
