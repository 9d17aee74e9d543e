/** The direct driver: plyfs opens /dev/fuse, mounts, and speaks the protocol itself. As root through mount(2); without the right to
 *  mount through fusermount3. */

import { errno } from '../../base/errno.js';
import { errnoOf, PlyfsError } from '../../base/errors.js';
import type { Counters } from '../../observe/counters.js';
import { enableTrace, trace } from '../../observe/trace.js';
import * as c from '../../sys/constants.js';
import { fusermountMount } from '../../sys/fusermount.js';
import { bdiTune, mount, mountTable } from '../../sys/mount.js';
import { closeFd, openPath } from '../../sys/open.js';
import { setNonblocking } from '../../sys/poll.js';
import { setIoFlusher } from '../../sys/process.js';
import type { FileSystem } from '../../vfs/filesystem.js';
import type { Attachment, Driver, DriverOptions } from '../driver.js';
import { isMountFlag, mountFlags } from '../mount-flags.js';
import { clearTarget, unmountTarget } from '../mount-point.js';
import { maxWriteBytes } from '../protocol/constants.js';

const devicePath = '/dev/fuse';
/** Copies and fsyncs that run at a time. */
const ioThreads = 2;

export const directDriver: Driver = {
  name: 'direct',

  attach(options: DriverOptions): Attachment {
    clearTarget(options.target);
    const fd = mountHere(options);
    setNonblocking(fd);
    if (!options.isReadOnly) tuneWriteback(options.target);
    return { fd };
  },

  async serve(
    fs: FileSystem,
    attachment: Attachment,
    options: DriverOptions,
    counters: Counters,
    ready: () => void,
  ): Promise<void> {
    enableTrace(options.trace);
    // Loaded here, so that the main thread does without.
    const [{ Session }, { IoThreads }] = await Promise.all([import('./session.js'), import('../io/io-threads.js')]);
    // Writeback of our own mount must not wait for memory that this thread is asked to write back.
    setIoFlusher();
    const session = new Session(fs, attachment.fd, options, counters, new IoThreads(ioThreads));
    ready();
    try {
      session.run();
    } finally {
      fs.destroy();
      closeFd(attachment.fd);
    }
  },

  detach(options: DriverOptions, isLazy: boolean): void {
    unmountTarget(options.target, isLazy);
  },
};

/** The device's descriptor of a new mount on the target. */
function mountHere(options: DriverOptions): number {
  const fd = openDevice();
  if (fd === undefined) return mountWithoutDevice(options);
  try {
    mount(
      options.source,
      options.target,
      `fuse.${options.subtype}`,
      mountFlags(options.isReadOnly, options.mountFlags),
      mountData(options, fd),
    );
    return fd;
  } catch (error) {
    closeFd(fd);
    const number = errnoOf(error);
    if (number === errno.EPERM) return fusermountMount(options.target, fusermountOptions(options));
    if (number === errno.EBUSY) {
      throw new PlyfsError('target-busy', `cannot mount on ${options.target}: it is busy; choose another directory`, {
        cause: error,
      });
    }
    const text = error instanceof Error ? error.message : String(error);
    throw new PlyfsError('mount-failed', `cannot mount on ${options.target}: ${text}`, { cause: error });
  }
}

/** fusermount opens the device with the user's own rights, unless /dev/fuse is as closed for it as for us. */
function mountWithoutDevice(options: DriverOptions): number {
  try {
    return fusermountMount(options.target, fusermountOptions(options));
  } catch (error) {
    if (!(error instanceof PlyfsError) || !error.message.includes(devicePath)) throw error;
    const advice = `let users open it (chmod 666 ${devicePath}), or mount as root`;
    throw new PlyfsError('no-device', `${error.message}; ${advice}`, { cause: error });
  }
}

/** Undefined where only fusermount may open it. */
function openDevice(): number | undefined {
  try {
    return openPath(devicePath, c.O_RDWR);
  } catch (error) {
    const number = errnoOf(error);
    if (number === undefined) throw error;
    if (number === errno.EACCES || number === errno.EPERM) return undefined;
    const isMissing = number === errno.ENOENT || number === errno.ENODEV || number === errno.ENXIO;
    const why = isMissing
      ? `${devicePath} is missing: load the fuse module (modprobe fuse), or in a container add the device (--device ${devicePath})`
      : `${devicePath} cannot be opened (${error instanceof Error ? error.message : number}): get read and write access to it`;
    throw new PlyfsError('no-device', why, { cause: error });
  }
}

function mountData(options: DriverOptions, fd: number): string {
  const words = [`fd=${fd}`, 'rootmode=40000', `user_id=${process.getuid?.() ?? 0}`, `group_id=${process.getgid?.() ?? 0}`];
  return [...words, ...accessWords(options)].join(',');
}

function accessWords(options: DriverOptions): string[] {
  const words: string[] = [`max_read=${maxWriteBytes}`];
  if (options.allowOther) words.push('allow_other');
  if (options.defaultPermissions) words.push('default_permissions');
  return words;
}

/** fusermount3 takes mount(8)'s words; commas and backslashes within a value are escaped. */
function fusermountOptions(options: DriverOptions): string {
  const escaped = (text: string) => text.replace(/[\\,]/g, '\\$&');
  const words = [`fsname=${escaped(options.source)}`, `subtype=${escaped(options.subtype)}`, ...accessWords(options)];
  const flags = options.mountFlags.filter(isMountFlag);
  return [...words, options.isReadOnly ? 'ro' : 'rw', ...flags].join(',');
}

/** Lifts FUSE's limit of 1 % dirty pages, which would throttle writeback. Without root it stays, and the mount is only slower. */
function tuneWriteback(target: string): void {
  const entry = mountTable().findLast((mounted) => mounted.target === target);
  if (entry !== undefined) for (const failure of bdiTune(entry.device)) trace('fuse', () => failure);
}
