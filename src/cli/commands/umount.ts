/** plyfs umount: ends mounts, and clears away those whose daemon is gone. */

import { PlyfsError } from '../../base/errors.js';
import { mountTargetOf } from '../../container/containers.js';
import { unmount } from '../../mount/unmount.js';
import { newCommand } from '../command.js';
import { reportError } from '../report.js';

export const command = newCommand(
  'umount',
  'Ends the mount on each TARGET, or of each container, and waits until its daemon has ended.',
  [
    'plyfs umount /mnt',
    'plyfs umount web',
    'plyfs umount --lazy /mnt    # also when it is in use: it vanishes now and ends with its last user',
  ],
)
  .argument('<target...>', 'mount points, or names of mounted containers')
  .option('-l, --lazy', 'detach a busy mount')
  .action(async (targets: string[], options: { lazy?: boolean }) => {
    for (const target of targets) {
      try {
        await unmount(mountTargetOf(target, process.cwd()), process.cwd(), options.lazy === true);
      } catch (error) {
        if (!(error instanceof PlyfsError)) throw error;
        process.exitCode = reportError(error);
      }
    }
  });
