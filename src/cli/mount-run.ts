/** Runs `plyfs mount` in its own process: reads the words, makes the mount, tells whoever waits. */

import { endNow, superviseMount } from '../daemon/supervisor.js';
import type { ServingThread } from '../daemon/thread.js';
import { remount } from '../mount/remount.js';
import { starterOfThisProcess } from '../mount/start.js';
import { readMountArguments } from './mount-arguments.js';
import { reportError } from './report.js';

/** Ends the process. */
export async function runMount(words: readonly string[], serving: ServingThread): Promise<void> {
  const tellStarter = starterOfThisProcess();
  try {
    const request = readMountArguments(words, process.cwd(), tellStarter === undefined);
    if (request.options.isRemount) {
      remount(request);
      tellStarter?.(0);
      endNow(0);
    }
    await superviseMount(request, serving, () => tellStarter?.(0));
  } catch (error) {
    const status = reportError(error);
    tellStarter?.(status);
    endNow(status);
  }
}
