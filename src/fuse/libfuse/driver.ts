/** The fuse-native driver: libfuse 2 mounts and speaks the protocol, the npm package fuse-native carries each operation to us. For
 *  systems where the direct driver cannot run; what it cannot express is listed in unsupported.ts. It serves in the main thread's event
 *  loop (binding.ts says why), beside signals and control requests. */

import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { PlyfsError } from '../../base/errors.js';
import { ifPresent } from '../../base/node-error.js';
import type { Counters } from '../../observe/counters.js';
import { log } from '../../observe/log.js';
import { enableTrace } from '../../observe/trace.js';
import { setIoFlusher, shareStandardDescriptors } from '../../sys/process.js';
import type { FileSystem } from '../../vfs/filesystem.js';
import type { Attachment, Driver, DriverOptions } from '../driver.js';
import { clearTarget, unmountTarget } from '../mount-point.js';
import { loadFuseNative, openMount } from './binding.js';
import { mountWords } from './mount-words.js';
import { NativeSession, operationNames } from './session.js';

const devicePath = '/dev/fuse';
/** How often the end of the mount is looked for. */
const endCheckMs = 100;

/** Targets on which a mount of ours lives: `detach` must not take away anybody else's. */
const mounted = new Set<string>();

export const fuseNativeDriver: Driver = {
  name: 'fuse-native',

  /** libfuse mounts when it is served; here is found out what can be before. */
  attach(options: DriverOptions): Attachment {
    loadFuseNative();
    checkDevice();
    clearTarget(options.target);
    return { fd: -1 };
  },

  async serve(
    fs: FileSystem,
    _attachment: Attachment,
    options: DriverOptions,
    counters: Counters,
    ready: () => void,
  ): Promise<void> {
    enableTrace(options.trace);
    // Writeback of our own mount must not wait for memory that this thread is asked to write back.
    setIoFlusher();
    // libfuse starts fusermount, whose complaints are to be heard.
    shareStandardDescriptors();
    const session = new NativeSession(fs, options, counters);
    try {
      const before = devices();
      const mount = await openMount(options.target, mountWords(options), operationNames, session.receive);
      mounted.add(options.target);
      ready();
      await ended(before);
      mounted.delete(options.target);
      mount.close();
      await session.close();
    } finally {
      fs.destroy();
    }
  },

  detach(options: DriverOptions, isLazy: boolean): void {
    if (mounted.has(options.target)) unmountTarget(options.target, isLazy);
  },
};

/** fusermount may open the device where we may not: here it only has to be there. */
function checkDevice(): void {
  if (existsSync(devicePath)) return;
  const advice = `load the fuse module (modprobe fuse), or in a container add the device (--device ${devicePath})`;
  throw new PlyfsError('no-device', `${devicePath} is missing: ${advice}`);
}

/** Descriptors of this process that are fuse devices. */
function devices(): Set<string> {
  return new Set(readdirSync('/proc/self/fd').filter(isDevice));
}

function isDevice(fd: string): boolean {
  return ifPresent(() => readlinkSync(`/proc/self/fd/${fd}`)) === devicePath;
}

/** Resolves when libfuse has closed the device it opened since `before` was taken: the last thing it does, after its threads have ended.
 *  The package has no event for it. */
async function ended(before: ReadonlySet<string>): Promise<void> {
  const fd = [...devices()].find((device) => !before.has(device));
  if (fd === undefined) {
    log('warn', 'the mount ended as soon as it was made');
    return;
  }
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      if (isDevice(fd)) return;
      clearInterval(timer);
      resolve();
    }, endCheckMs);
  });
}
