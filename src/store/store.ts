/** A store: images, their names and their blobs under one directory. Layout and promises: native-notes/store-format.md. */

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { PlyfsError } from '../base/errors.js';
import { undoneAtInterruption } from '../base/interruption.js';
import { isMissing } from '../base/node-error.js';
import { systemWords } from '../base/system-words.js';
import { log } from '../observe/log.js';
import { outerId } from '../sys/user.js';
import { Blobs } from './blobs.js';
import { Catalog } from './catalog.js';
import { ensureDirectory, isWritable, putFile } from './durable.js';
import { FileLock } from './lock.js';

const formatText = 'plyfs store 1\n';

const machineParent = '/var/lib';
const machineRoot = `${machineParent}/plyfs`;

/** `$PLYFS_ROOT`; else /var/lib/plyfs for root, `$XDG_DATA_HOME/plyfs` or ~/.local/share/plyfs for others, who may be root of a user
 *  namespace of theirs (unshare -Urm). */
export function defaultRoot(): string {
  const { PLYFS_ROOT, XDG_DATA_HOME } = process.env;
  if (PLYFS_ROOT !== undefined && PLYFS_ROOT !== '') return PLYFS_ROOT;
  if (isMachineRoot()) return machineRoot;
  return join(XDG_DATA_HOME?.startsWith('/') === true ? XDG_DATA_HOME : join(homedir(), '.local/share'), 'plyfs');
}

/** A container may have a namespace of its own too: its root can write there. */
function isMachineRoot(): boolean {
  if (process.getuid?.() !== 0) return false;
  return outerId(0) === 0 || isWritable(existsSync(machineRoot) ? machineRoot : machineParent);
}

export class Store {
  readonly blobs: Blobs;
  /** All paths given out: those of finished files are there no more. */
  private readonly temporaries: string[] = [];

  /** Reading a store that does not exist finds nothing in it; the first write makes it. */
  constructor(readonly root = defaultRoot()) {
    this.blobs = new Blobs(root);
    this.checkFormat();
  }

  /** PlyfsError `store-format` where a newer plyfs, or something else, made the directory. */
  private checkFormat(): void {
    let found: string;
    try {
      found = readFileSync(this.path('format'), 'utf8');
    } catch (error) {
      if (isMissing(error)) return;
      throw new PlyfsError('store', `the store ${this.root} cannot be read: ${systemWords(error)}`, { cause: error });
    }
    if (found === formatText) return;
    throw new PlyfsError(
      'store-format',
      `${this.root} is a "${found.trim().slice(0, 60)}", this plyfs reads "${formatText.trim()}"`,
    );
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  /** The catalog as of now: one consistent snapshot, no lock. */
  catalog(): Catalog {
    return Catalog.read(this.path('catalog.json'));
  }

  /** Makes the directories. Only who writes needs this. */
  ensure(): void {
    if (existsSync(this.path('format'))) return;
    try {
      for (const name of ['blobs/sha256', 'blobs/sha512', 'indexes', 'cache', 'uses', 'tmp']) ensureDirectory(this.path(name));
      putFile(this.path('format'), this.temporary(), formatText);
    } catch (cause) {
      throw new PlyfsError(
        'store',
        `the store ${this.root} cannot be written: ${systemWords(cause)} (choose another with PLYFS_ROOT)`,
        {
          cause,
        },
      );
    }
  }

  /** A path in the store's directory for unfinished files. What still lies there when a signal ends the program goes. */
  temporary(): string {
    const path = this.path('tmp', `${process.pid}-${randomBytes(8).toString('hex')}`);
    if (this.temporaries.length === 0) undoneAtInterruption(() => this.removeTemporaries());
    this.temporaries.push(path);
    return path;
  }

  private removeTemporaries(): void {
    for (const path of this.temporaries) rmSync(path, { recursive: true, force: true });
  }

  /** Changes the catalog in one step: `edit` gets the newest one and alters it; where it throws nothing is changed. */
  async change<T>(edit: (catalog: Catalog) => T): Promise<T> {
    this.ensure();
    using _lock = await FileLock.take(this.path('lock'), 'exclusive', () => this.tellWaiting());
    const catalog = this.catalog();
    const result = edit(catalog);
    this.blobs.sync();
    putFile(this.path('catalog.json'), this.temporary(), catalog.encode());
    return result;
  }

  /** Held from the first blob added to the catalog's change: nobody removes blobs meanwhile. */
  async lockForAdding(): Promise<FileLock> {
    this.ensure();
    return FileLock.take(this.path('adding'), 'shared', () => this.tellWaiting());
  }

  /** Held while blobs are removed: waits for those who are adding. */
  async lockForRemoving(): Promise<FileLock> {
    this.ensure();
    return FileLock.take(this.path('adding'), 'exclusive', () => this.tellWaiting());
  }

  /** The same, undefined where somebody is adding. */
  tryLockForRemoving(): FileLock | undefined {
    this.ensure();
    return FileLock.tryTake(this.path('adding'), 'exclusive');
  }

  private tellWaiting(): void {
    log('info', `waiting for another plyfs that writes to ${this.root}`);
  }
}
