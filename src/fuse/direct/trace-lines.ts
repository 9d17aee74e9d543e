/** The two lines a request leaves in the trace `fuse`, decoded from the operations table:
 *  `> 42 LOOKUP node=1 name="etc" pid=311` and `< 42 ok 61us node=7 dir 0755 0:0 size=4096`. observe/recording.ts reads them back. */

import { errnoName } from '../../base/errno.js';
import { kindName, typeOfMode } from '../../base/mode.js';
import { bytesFromName, type Name, textFromName } from '../../base/name.js';
import { inHeaderSize } from '../protocol/constants.js';
import { readDirentplus } from '../protocol/dirent.js';
import { attrOut, entryOut } from '../protocol/structs.js';
import type { Operation } from './operation.js';
import { bodyAt, bodyWord, type Reply } from './reply.js';
import type { Request } from './request.js';

/** The line of an arriving request. Leaves its cursor as it was. */
export function requestLine(row: Operation | undefined, request: Request): string {
  const words = [`> ${request.unique} ${row?.name ?? `opcode ${request.opcode}`} node=${request.node}`];
  const { cursor } = request;
  if (row?.input !== undefined) words.push(row.input.describe(request.words, request.body(row.input.size)));
  for (let left = row?.names ?? 0; left > 0; left--) words.push(`name=${quoted(request)}`);
  request.cursor = cursor;
  words.push(`pid=${request.caller.pid}`);
  return words.join(' ');
}

function quoted(request: Request): string {
  return quotedName(request.name());
}

function quotedName(name: Name): string {
  const text = textFromName(name);
  // A name that is not UTF-8 is shown by its bytes.
  return text.includes('\ufffd') ? `0x${bytesFromName(name).toString('hex')}` : JSON.stringify(text);
}

/** The line of an answer; `size` is the length of the body. */
export function replyLine(
  row: Operation | undefined,
  request: Request,
  reply: Reply,
  errno: number,
  size: number,
  us: number,
): string {
  const start = `< ${request.unique} ${errno === 0 ? 'ok' : errnoName(errno)} ${Math.round(us)}us`;
  if (errno !== 0) return start;
  const output = row?.output;
  if (row?.name === 'READDIRPLUS') return `${start} ${size} bytes${describeListed(reply, size)}`;
  if (output === undefined || size < output.size) return size > 0 ? `${start} ${size} bytes` : start;
  if (output === entryOut) return `${start} ${describeEntry(reply)}`;
  if (output === attrOut) return `${start} ${describeAttributes(attrOut.read(reply.words, bodyWord))}`;
  return `${start} ${output.describe(reply.words, bodyWord)}`;
}

/** ` 7="etc" 8="usr"`: the entries that the kernel made nodes of. */
function describeListed(reply: Reply, size: number): string {
  const words: string[] = [];
  for (let at = bodyAt; at < bodyAt + size; ) {
    const entry = readDirentplus(reply.bytes, reply.words, at);
    if (entry.node !== 0) words.push(` ${entry.node}=${quotedName(entry.name)}`);
    at += entry.size;
  }
  return words.join('');
}

function describeEntry(reply: Reply): string {
  const entry = entryOut.read(reply.words, bodyWord);
  return entry.nodeid === 0 ? 'absent' : `node=${entry.nodeid} ${describeAttributes(entry)}`;
}

/** `dir 0755 0:0 size=4096`. */
function describeAttributes({ mode, uid, gid, size }: { mode: number; uid: number; gid: number; size: number }): string {
  return `${kindName(typeOfMode(mode))} 0${(mode & 0o7777).toString(8)} ${uid}:${gid} size=${size}`;
}

/** The line of a request that waits for file bytes. */
export function parkedLine(request: Request, kind: string): string {
  return `= ${request.unique} parked until ${kind} has ended`;
}

/** A message that is not even a request. */
export function brokenLine(length: number): string {
  return `! ${length} bytes are no request (a header has ${inHeaderSize})`;
}
