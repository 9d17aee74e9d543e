/** INIT: what we ask the kernel for, per kind of mount, with the reason. What the kernel does not offer is simply not agreed on. */

import { errno } from '../../base/errno.js';
import { FsError } from '../../base/errors.js';
import { log } from '../../observe/log.js';
import { trace } from '../../observe/trace.js';
import type { DriverOptions } from '../driver.js';
import {
  fuseMajor,
  fuseMinorMax,
  fuseMinorMin,
  type InitFlag,
  inHeaderSize,
  initFlag,
  maxWriteBytes,
} from '../protocol/constants.js';
import { initIn, initOut } from '../protocol/structs.js';
import { type Agreement, type ResolvedIo, resolveIo } from './agreement.js';
import type { Connection } from './connection.js';
import { bodyWord } from './reply.js';
import type { Request } from './request.js';

const pageBytes = 4096;
/** Of fuse_init_in before INIT_EXT gave it flags2. */
const compatInitSize = 16;

/** How deep the stack of file systems is with ours on top, for the kernel's limit of 2: one more than that of the backing files. Only where
 *  they lie on overlayfs (a container's root) no overlayfs can be stacked on us. */
function passthroughStackDepth(options: DriverOptions): number {
  return options.isBackingStacked ? 2 : 1;
}

type When = (options: DriverOptions, io: ResolvedIo) => boolean;
const always: When = () => true;
const isWritable: When = (options) => !options.isReadOnly;
const isReadOnly: When = (options) => options.isReadOnly;

/** [flag, when, reason]; in the order of native-notes/fuse-protocol.md. */
export const wishes: readonly (readonly [InitFlag, When, string])[] = [
  ['INIT_EXT', always, 'flags from bit 32 on travel only with it'],
  ['ASYNC_READ', always, 'read-ahead sends several READs at once'],
  ['ASYNC_DIO', isReadOnly, 'O_DIRECT transfers in parallel; where one writes, pages read meanwhile would keep old bytes'],
  ['BIG_WRITES', always, 'WRITEs above a page (always on since 7.20, but libraries look at it)'],
  ['MAX_PAGES', always, 'READ and WRITE of up to 1 MiB instead of 128 KiB'],
  ['PARALLEL_DIROPS', always, 'lookups in one directory need not queue up in the kernel: the engine orders them anyway'],
  ['DO_READDIRPLUS', always, 'a listing brings the entries, so that no LOOKUP follows for each'],
  ['READDIRPLUS_AUTO', always, 'the kernel asks with attributes only where somebody looks entries up'],
  ['CACHE_SYMLINKS', always, 'one READLINK a symlink: a symlink never changes its target'],
  ['NO_OPEN_SUPPORT', (_, io) => io !== 'passthrough', 'OPEN is answered ENOSYS once: reads and writes go by node'],
  ['NO_OPENDIR_SUPPORT', always, 'OPENDIR is answered ENOSYS once, and listings stay in the page cache'],
  ['EXPLICIT_INVAL_DATA', always, 'pages stay when size or mtime change: all changes come through the kernel'],
  ['ABORT_ERROR', always, 'an abort through fusectl is told apart from an unmount'],
  ['HAS_RESEND', always, 'pending requests may be asked for again'],
  ['NO_EXPORT_SUPPORT', always, 'node ids do not outlive the mount, so file handles (NFS, overlayfs index) must not be stored'],
  ['POSIX_ACL', (options) => options.posixAcl, 'the kernel checks and caches ACLs'],
  [
    'DONT_MASK',
    (options) => options.posixAcl,
    'the umask does not apply where the parent has a default ACL: the engine applies it',
  ],
  ['SETXATTR_EXT', isWritable, 'tells when setting an ACL must drop setgid'],
  ['HANDLE_KILLPRIV_V2', isWritable, 'no getxattr of security.capability before each write: the engine drops it'],
  ['CREATE_SUPP_GROUP', isWritable, 'the right group in setgid directories without reading /proc'],
  ['WRITEBACK_CACHE', (_, io) => io === 'writeback', 'small writes are collected in the page cache'],
  ['ATOMIC_O_TRUNC', (_, io) => io === 'passthrough', 'O_TRUNC comes with OPEN instead of a SETATTR'],
  ['PASSTHROUGH', (_, io) => io === 'passthrough', 'read, write and mmap go to the backing file in the kernel'],
];

/** Answers INIT. A kernel of a newer major version is told ours and asks again. FsError EPROTO: it is too old. */
export function negotiate(connection: Connection, request: Request): number {
  const { reply, options } = connection;
  const offer = initIn.read(request.words, request.body(compatInitSize));
  const answer = initOut.value;
  for (const field of Object.keys(answer) as (keyof typeof answer)[]) answer[field] = 0; // its keys are these
  answer.major = fuseMajor;
  answer.minor = Math.min(offer.minor, fuseMinorMax);
  if (offer.major < fuseMajor || (offer.major === fuseMajor && offer.minor < fuseMinorMin)) {
    const detail = `the kernel speaks FUSE ${offer.major}.${offer.minor}; plyfs needs ${fuseMajor}.${fuseMinorMin}`;
    log('error', detail);
    throw new FsError(errno.EPROTO, detail);
  }
  if (offer.major === fuseMajor) {
    const isExtended = hasFlag(offer.flags, 0, 'INIT_EXT') && request.end > inHeaderSize + compatInitSize;
    const agreed = agree(offer.flags, isExtended ? offer.flags2 : 0, options);
    fill(answer, offer.max_readahead, agreed);
    if (agreed.io === 'passthrough') answer.max_stack_depth = passthroughStackDepth(options);
    connection.agreement = { ...agreed, minor: answer.minor, maxWrite: answer.max_write };
    trace('fuse', () => `= agreed on ${describeAgreement(connection.agreement)}`);
  }
  initOut.write(reply.words, bodyWord, answer);
  return initOut.size;
}

function agree(low: number, high: number, options: DriverOptions): { flags: Set<InitFlag>; io: ResolvedIo } {
  let io = resolveIo(options);
  if (io === 'passthrough' && !hasFlag(low, high, 'PASSTHROUGH')) io = options.isReadOnly ? 'cached' : 'writeback';
  const flags = new Set<InitFlag>();
  for (const [flag, when] of wishes) {
    if (when(options, io) && hasFlag(low, high, flag)) flags.add(flag);
  }
  if (io === 'writeback' && !flags.has('WRITEBACK_CACHE')) io = 'cached';
  return { flags, io };
}

function fill(answer: typeof initOut.value, maxReadahead: number, { flags }: { flags: Set<InitFlag> }): void {
  for (const flag of flags) {
    const bit = initFlag[flag];
    if (bit < 32) answer.flags = (answer.flags | (1 << bit)) >>> 0;
    else answer.flags2 = (answer.flags2 | (1 << (bit - 32))) >>> 0;
  }
  answer.max_readahead = maxReadahead;
  answer.max_background = 64;
  answer.congestion_threshold = 48;
  answer.max_write = flags.has('MAX_PAGES') ? maxWriteBytes : 32 * pageBytes;
  answer.max_pages = answer.max_write / pageBytes;
  answer.time_gran = 1;
}

function hasFlag(low: number, high: number, flag: InitFlag): boolean {
  const bit = initFlag[flag];
  return bit < 32 ? ((low >>> bit) & 1) === 1 : ((high >>> (bit - 32)) & 1) === 1;
}

/** `7.45 io=writeback READDIRPLUS_AUTO ...` for the trace and the log. */
function describeAgreement(agreement: Agreement): string {
  return `${fuseMajor}.${agreement.minor} io=${agreement.io} max_write=${agreement.maxWrite} ${[...agreement.flags].join(' ')}`;
}
