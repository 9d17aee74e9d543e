/** Serves a MirrorFs: as a worker of a test (the test reads the counters), or as a process of its own with the same data as JSON in
 *  its first argument (the test may kill it). Says `ready` when it answers. */

import { writeSync } from 'node:fs';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { directDriver } from '../../src/fuse/direct/driver.js';
import type { Attachment, DriverOptions } from '../../src/fuse/driver.js';
import { fuseNativeDriver } from '../../src/fuse/libfuse/driver.js';
import { Counters } from '../../src/observe/counters.js';
import { MirrorFs } from './mirror-fs.js';

export interface MirrorServerData {
  root: string;
  /** The direct driver where absent. fuse-native serves in a process of its own only. */
  driver?: 'fuse-native';
  options: DriverOptions;
  /** Absent in a process of its own, which attaches itself. */
  attachment?: Attachment;
  counters?: SharedArrayBuffer;
}

const data = (isMainThread ? JSON.parse(process.argv[2] ?? '{}') : workerData) as MirrorServerData; // written by mirror-mount.ts
const fs = new MirrorFs(data.root, data.options.isReadOnly);
const driver = data.driver === 'fuse-native' ? fuseNativeDriver : directDriver;
const attachment = data.attachment ?? driver.attach(data.options);
await driver.serve(fs, attachment, data.options, new Counters(data.counters), () => {
  if (parentPort !== null) parentPort.postMessage('ready');
  else writeSync(1, 'ready\n');
});
