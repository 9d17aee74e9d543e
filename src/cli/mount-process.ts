/** The process behind a mount. Started by bin/plyfs or mount/start.ts with the words after `mount`: then it goes to the background when the
 *  mount is ready. Otherwise it stays in the foreground.
 *
 *  The thread that will serve is started first of all: it takes as long to start as the rest. */

import { ServingThread } from '../daemon/thread.js';

const serving = new ServingThread();
import('./mount-run.js').then(({ runMount }) => runMount(process.argv.slice(2), serving));
