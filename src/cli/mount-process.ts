/** The process behind a mount. Started by bin/plyfs or commands/mount.ts with the words after `mount`. With PLYFS_READY_FD it writes its
 *  status to that descriptor when the mount is ready or has failed, and goes to the background; without, it stays in the foreground.
 *
 *  The thread that will serve is started first of all: it takes as long to start as the rest. */

import { ServingThread } from '../daemon/thread.js';

const serving = new ServingThread();
import('./mount-run.js').then(({ runMount }) => runMount(process.argv.slice(2), serving, process.env.PLYFS_READY_FD));
