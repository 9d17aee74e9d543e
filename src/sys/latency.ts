/** PM QoS: a process's wish how quickly an idle CPU has to be back (Documentation/power/pm_qos_interface.rst). */

import { errnoOf } from '../base/errors.js';
import { O_WRONLY } from './constants.js';
import { pwrite } from './file.js';
import { closeFd, openPath } from './open.js';

/** s32 microseconds. */
const noLatency = Buffer.alloc(4);

/** Until the descriptor is closed, idle CPUs poll for work instead of halting. It concerns all of them. undefined where that cannot be
 *  had: EACCES without root, ENOENT in containers and on kernels without it. */
export function keepCpusAwake(): number | undefined {
  let fd: number | undefined;
  try {
    fd = openPath('/dev/cpu_dma_latency', O_WRONLY);
    pwrite(fd, noLatency, 0, noLatency.length, 0);
    return fd;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    if (fd !== undefined) closeFd(fd);
    return undefined;
  }
}
