/** Bodies that several operations answer with. Each writes into the reply and returns the body's length. */

import type { NodeId } from '../../vfs/filesystem.js';
import { writeAttr, writeEntry } from '../protocol/attributes.js';
import * as wire from '../protocol/structs.js';
import type { Connection } from './connection.js';
import { bodyAt, bodyWord } from './reply.js';

/** The entry of `node`, to which the caller holds one reference; it is given back if the attributes cannot be had. */
export function answerEntry(s: Connection, node: NodeId): number {
  try {
    s.fs.getattr(node, s.attributes);
    writeEntry(s.reply.words, bodyAt, node, s.attributes, s.valid, s.attributesValid(node));
  } catch (error) {
    s.fs.forget(node, 1);
    throw error;
  }
  return wire.entryOut.size;
}

/** The attributes of `node`. */
export function answerAttr(s: Connection, node: NodeId): number {
  s.fs.getattr(node, s.attributes);
  writeAttr(s.reply.words, bodyAt, s.attributes, s.attributesValid(node));
  return wire.attrOut.size;
}

/** The answer of WRITE and COPY_FILE_RANGE. */
export function answerWritten(s: Connection, size: number): number {
  wire.writeOut.value.size = size;
  wire.writeOut.write(s.reply.words, bodyWord, wire.writeOut.value);
  return wire.writeOut.size;
}

export function answerCopied(s: Connection, size: number): number {
  wire.copyFileRangeOut.value.bytes_copied = size;
  wire.copyFileRangeOut.write(s.reply.words, bodyWord, wire.copyFileRangeOut.value);
  return wire.copyFileRangeOut.size;
}
