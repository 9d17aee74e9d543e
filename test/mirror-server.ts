/** Serves a MirrorFs: as a worker of a test (the test reads the counters), or as a process of its own with the same data as JSON in
 *  its first argument (the test may kill it). Says `ready` when it answers. */

import { writeSync } from 'node:fs';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { directDriver } from '../src/fuse/direct/driver.js';
import type { Attachment, DriverOptions } from '../src/fuse/driver.js';
import { Counters } from '../src/observe/counters.js';
import { MirrorFs } from './mirror-fs.js';

export interface MirrorServerData {
  root: string;
  options: DriverOptions;
  /** Absent in a process of its own, which attaches itself. */
  attachment?: Attachment;
  counters?: SharedArrayBuffer;
}

const data = (isMainThread ? JSON.parse(process.argv[2] ?? '{}') : workerData) as MirrorServerData; // written by mirror-mount.ts
const fs = new MirrorFs(data.root, data.options.isReadOnly);
const attachment = data.attachment ?? directDriver.attach(data.options);
await directDriver.serve(fs, attachment, data.options, new Counters(data.counters), () => {
  if (parentPort !== null) parentPort.postMessage('ready');
  else writeSync(1, 'ready\n');
});
