/** Where a trace is replayed: the paths of its nodes below a directory, and their open files. */

import { closeSync, openSync } from 'node:fs';
import { bytesFromName, type Name } from '../base/name.js';
import type { RecordedRequest } from '../observe/recording.js';
import { type Place, ReplayedNames } from './replayed-names.js';

/** The trace does not tell all that a request needs. */
export class NotTold extends Error {}

/** Descriptors kept open; the one that was opened first goes. */
const openMax = 64;

export class ReplayGround {
  private readonly names: ReplayedNames;
  private readonly files = new Map<string, number>();

  constructor(directory: Name) {
    this.names = new ReplayedNames(directory);
  }

  /** The path of the request's node, or of another. NotTold. */
  path(node: number): Buffer {
    return bytesFromName(this.name(node));
  }

  /** As `path`, for calls that take Names. */
  name(node: number): Name {
    const path = this.names.path(node);
    if (path === undefined) throw new NotTold('the trace does not tell a name that the node had then');
    return path;
  }

  /** The path of the name `at` of the request, in the directory `node`. NotTold. */
  child(node: number, request: RecordedRequest, at = 0): Name {
    return `${this.name(node)}/${nameAt(request, at)}` as Name; // joined of Names
  }

  /** A descriptor of the node's file, which stays open. */
  file(node: number, flags: 'r' | 'r+'): number {
    const known = this.files.get(`r+${node}`) ?? this.files.get(`${flags}${node}`);
    if (known !== undefined) return known;
    const fd = openSync(this.path(node), flags);
    this.files.set(`${flags}${node}`, fd);
    const [oldest] = this.files;
    if (this.files.size > openMax && oldest !== undefined) this.closeFile(oldest[0]);
    return fd;
  }

  /** Before a request that takes a name away: a file that is used afterwards has to be open. */
  hold(request: RecordedRequest, isUsed: (node: number) => boolean): void {
    const lost = lostPlace(request);
    const node = lost === undefined ? undefined : this.names.at(lost);
    if (node !== undefined && isUsed(node)) this.file(node, 'r+');
  }

  /** Takes over what a request and its answer, which was no refusal, tell of names. */
  learn(request: RecordedRequest): void {
    const { op, node, given, names } = request;
    if (given !== undefined && makes.has(op)) this.forget(given);
    if (given !== undefined && names.length > 0) this.names.put(given, { parent: node, name: nameAt(request, 0) });
    for (const entry of request.listed) this.names.put(entry.node, { parent: node, name: entry.name });
    const lost = lostPlace(request);
    if (lost === undefined) return;
    if (!renames.has(op)) this.names.remove(lost);
    else
      this.names.rename({ parent: node, name: nameAt(request, 0) }, lost, ((request.fields.get('flags') ?? 0) & exchange) !== 0);
  }

  close(): void {
    for (const key of [...this.files.keys()]) this.closeFile(key);
  }

  /** The number is given to another file. */
  private forget(node: number): void {
    this.names.forget(node);
    this.closeFile(`r${node}`);
    this.closeFile(`r+${node}`);
  }

  private closeFile(key: string): void {
    const fd = this.files.get(key);
    if (fd !== undefined) closeSync(fd);
    this.files.delete(key);
  }
}

/** RENAME_EXCHANGE of linux/fs.h. */
const exchange = 2;
const makes = new Set(['MKNOD', 'MKDIR', 'CREATE', 'SYMLINK']);
const renames = new Set(['RENAME', 'RENAME2']);
const removes = new Set(['UNLINK', 'RMDIR']);

/** The name that shows something else afterwards, or nothing. */
function lostPlace(request: RecordedRequest): Place | undefined {
  const { op, node, fields } = request;
  if (removes.has(op)) return { parent: node, name: nameAt(request, 0) };
  return renames.has(op) ? { parent: fields.get('newdir') ?? node, name: nameAt(request, 1) } : undefined;
}

function nameAt({ names }: RecordedRequest, at: number): Name {
  const name = names[at];
  if (name === undefined) throw new NotTold('the trace has no name where one belongs');
  return name;
}
