/** READDIR and READDIRPLUS: packs entries into the reply, and decides which get attributes.
 *
 *  An entry with attributes spares the kernel a LOOKUP but may cost a stat of a file nobody will look at. So attributes go out where
 *  they are in memory, for directories (a walk goes down into them), and for all entries while listings are being followed by LOOKUPs
 *  of what they left out. */

import type { Attributes } from '../../base/attributes.js';
import { FsError } from '../../base/errors.js';
import { dirType } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import type { DirectorySink, FileSystem, NodeId } from '../../vfs/filesystem.js';
import { type Lifetime, writeEntry } from '../protocol/attributes.js';
import { direntplusSize, direntSize, writeDirent, writeNoEntry } from '../protocol/dirent.js';
import { entryOut } from '../protocol/structs.js';
import { bodyAt, type Reply } from './reply.js';

/** So many LOOKUPs of left-out entries in the directory listed last tell that attributes are wanted. */
const lookupsThatTell = 2;
/** For so many READDIRPLUS requests after that all entries get attributes; then one listing without asks again whether they are wanted. */
const eagerRequests = 64;

export class DirectoryReply {
  private at = 0;
  private limit = 0;
  /** The directory whose entries were listed last with some left out, and how many LOOKUPs of non-directories in it followed. */
  private leanDirectory = 0;
  private followed = 0;
  private eagerLeft = 0;
  private isLean = false;

  /** `attributes` is scratch space of the connection; `valid`: how long the kernel may keep what it is told. */
  constructor(
    private readonly fs: FileSystem,
    private readonly reply: Reply,
    private readonly attributes: Attributes,
    private readonly valid: Lifetime,
    private readonly attributesValid: (node: NodeId) => Lifetime,
  ) {}

  /** READDIR into the reply; returns the length of the body, at most `size`. */
  plain(node: NodeId, offset: number, size: number): number {
    this.start(size);
    this.fs.readdir(node, offset, this.takePlain);
    return this.at - bodyAt;
  }

  /** READDIRPLUS: one reference to each entry that goes out with attributes. */
  plus(node: NodeId, offset: number, size: number): number {
    this.start(size);
    this.isLean = false;
    this.fs.readdir(node, offset, this.takePlus);
    if (this.isLean) this.rememberLean(node);
    else if (this.eagerLeft > 0) this.eagerLeft--;
    return this.at - bodyAt;
  }

  /** A LOOKUP in `parent` found something that is not a directory. */
  lookedUp(parent: NodeId): void {
    if (parent !== this.leanDirectory) return;
    if (++this.followed < lookupsThatTell) return;
    this.eagerLeft = eagerRequests;
    this.leanDirectory = 0;
  }

  private start(size: number): void {
    this.at = bodyAt;
    this.limit = bodyAt + Math.min(size, this.reply.capacity);
  }

  private rememberLean(node: NodeId): void {
    if (this.leanDirectory !== node) this.followed = 0;
    this.leanDirectory = node;
  }

  private readonly takePlain: DirectorySink = (name, _node, ino, type, offset) => {
    if (this.at + direntSize(name.length) > this.limit) return false;
    this.writeName(name, ino, type, offset);
    return true;
  };

  private readonly takePlus: DirectorySink = (name, node, ino, type, offset) => {
    if (this.at + direntplusSize(name.length) > this.limit) return false;
    this.writePlus(node, type);
    this.at += entryOut.size;
    this.writeName(name, ino, type, offset);
    return true;
  };

  private writeName(name: Name, ino: number, type: number, offset: number): void {
    const { bytes, words } = this.reply;
    this.at += writeDirent(bytes, words, this.at, name, ino, type, offset);
  }

  private writePlus(node: NodeId | undefined, type: number): void {
    const { fs, reply, attributes, valid } = this;
    const isLeftOut = node !== undefined && this.eagerLeft === 0 && type !== dirType.dir && !fs.hasAttributes(node);
    if (isLeftOut) this.isLean = true;
    if (node === undefined || isLeftOut) {
      writeNoEntry(reply.words, this.at);
      return;
    }
    const given = this.referenced(node);
    if (given === undefined) writeNoEntry(reply.words, this.at);
    else writeEntry(reply.words, this.at, given, attributes, valid, this.attributesValid(given));
  }

  /** The node with one more reference and its attributes read; undefined where they cannot be had: then LOOKUP says why. */
  private referenced(node: NodeId): NodeId | undefined {
    const { fs, attributes } = this;
    let given: NodeId | undefined;
    try {
      given = fs.reference(node);
      fs.getattr(given, attributes);
      return given;
    } catch (error) {
      if (given !== undefined) fs.forget(given, 1);
      if (!(error instanceof FsError)) throw error;
      return undefined;
    }
  }
}
