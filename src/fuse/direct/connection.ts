/** What an operation works with: the file system, the agreement with the kernel, the reply under construction and what is remembered
 *  from request to request. */

import { Attributes } from '../../base/attributes.js';
import type { Counters } from '../../observe/counters.js';
import type { FileSystem, NodeId } from '../../vfs/filesystem.js';
import type { DriverOptions } from '../driver.js';
import { type Lifetime, lifetime, noLifetime } from '../protocol/attributes.js';
import { maxWriteBytes } from '../protocol/constants.js';
import { entryOut } from '../protocol/structs.js';
import { type Agreement, resolveIo } from './agreement.js';
import { DirectoryReply } from './directory-reply.js';
import type { Interrupts } from './interrupts.js';
import { OpenHandles } from './open-handles.js';
import { Reply } from './reply.js';

export class Connection {
  /** Room for a READ of the largest size, and for an entry behind it. */
  readonly reply = new Reply(maxWriteBytes + entryOut.size);
  readonly attributes = new Attributes();
  /** How long the kernel may keep entries, misses and attributes. */
  readonly valid: Lifetime;
  readonly listing: DirectoryReply;
  readonly openHandles: OpenHandles;
  /** Nothing is agreed on before INIT. */
  agreement: Agreement;

  constructor(
    readonly fs: FileSystem,
    readonly device: number,
    readonly options: DriverOptions,
    readonly counters: Counters,
    readonly interrupts: Interrupts,
  ) {
    this.valid = lifetime(options.timeoutSec);
    this.openHandles = new OpenHandles(fs, device);
    this.listing = new DirectoryReply(fs, this.reply, this.attributes, this.valid, (node) => this.attributesValid(node));
    this.agreement = { minor: 0, flags: new Set(), io: resolveIo(options), maxWrite: maxWriteBytes };
  }

  /** How long the kernel may keep the attributes of `node`: not at all while a shared map may change its times past us. */
  attributesValid(node: NodeId): Lifetime {
    return this.openHandles.isWrittenPastUs(node) ? noLifetime : this.valid;
  }
}
