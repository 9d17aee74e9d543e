/** Containers: an image, an upper and a work directory under a name. Each is a directory `containers/<id>/` of the store that holds
 *  `container.json`, `upper/` and `work/`, appears in one step, and keeps its image by a use. */

import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PlyfsError } from '../base/errors.js';
import { ifPresent } from '../base/node-error.js';
import { JsonObject, parseJson } from '../oci/json.js';
import { neededBy, type StoredImage, storedImageFrom } from './catalog.js';
import { ensureDirectory, namesIn, publish, putFile, syncDirectory } from './durable.js';
import { FileLock } from './lock.js';
import { removeDirectory } from './remove-directory.js';
import { getImage } from './resolve.js';
import type { Store } from './store.js';
import { putUse, removeUse } from './uses.js';
import { writing } from './writing.js';

export interface Container {
  /** 64 hex characters. */
  readonly id: string;
  readonly name: string;
  /** Kept whole: an image that was removed by force goes on serving its containers. */
  readonly image: StoredImage;
  /** The image as it was named when the container was made. */
  readonly imageName: string;
  /** What it was made with otherwise than the image says: members of docker's Config. */
  readonly config: Readonly<Record<string, unknown>>;
  /** RFC 3339. */
  readonly created: string;
  /** `containers/<id>` of the store, absolute; the two below lie in it. */
  readonly directory: string;
  readonly upper: string;
  readonly work: string;
}

const recordLimitBytes = 1024 * 1024;

/** Makes a container of the image that `image` names. `name` undefined: the first 12 characters of its ID. `prepare` is called with the
 *  new, empty upper before anybody can see it; `configFor` tells how it is to run. PlyfsError `no-image`, `name` (not a name), `name-in-use`. */
export async function createContainer(
  store: Store,
  image: string,
  name: string | undefined,
  prepare: (upper: string, image: StoredImage) => Promise<void>,
  configFor: (image: StoredImage) => Container['config'] = () => ({}),
): Promise<Container> {
  if (name !== undefined) checkName(name);
  // Nobody clears away `tmp` meanwhile.
  using _adding = await store.lockForAdding();
  const stored = getImage(store.catalog(), image).image;
  const config = configFor(stored);
  const id = randomBytes(32).toString('hex');
  const temporary = store.temporary();
  try {
    for (const part of ['', 'upper', 'work']) mkdirSync(join(temporary, part), { mode: part === 'upper' ? 0o755 : 0o700 });
    await prepare(join(temporary, 'upper'), stored);
    using _lock = await lockRecords(store);
    // The image may be gone since.
    getImage(store.catalog(), stored.id);
    const container = {
      id,
      name: name ?? id.slice(0, 12),
      image: stored,
      imageName: image,
      config,
      created: new Date().toISOString(),
    };
    refuseTaken(store, container.name);
    writeRecord(store, temporary, container);
    keepImage(store, container);
    ensureDirectory(store.path('containers'));
    publish(temporary, store.path('containers', id));
    return withPaths(store, container);
  } catch (error) {
    removeUse(store, id);
    removeDirectory(temporary);
    throw error;
  }
}

/** The container that `text` names: its name, its ID or the beginning of its ID. A name goes before an ID. PlyfsError `ambiguous`. */
export function findContainer(store: Store, text: string): Container | undefined {
  const all = listContainers(store);
  const named = all.find((container) => container.name === text || container.id === text);
  if (named !== undefined || !/^[0-9a-f]+$/.test(text)) return named;
  const begun = all.filter((container) => container.id.startsWith(text));
  if (begun.length > 1) {
    throw new PlyfsError('ambiguous', `${begun.length} containers have an ID that begins with ${text}: give more characters`);
  }
  return begun[0];
}

/** As findContainer. PlyfsError `no-container` where there is none. */
export function getContainer(store: Store, text: string): Container {
  const found = findContainer(store, text);
  if (found === undefined) throw noSuchContainer(text);
  return found;
}

export function noSuchContainer(text: string): PlyfsError {
  return new PlyfsError('no-container', `no such container: ${text} (plyfs ps -a lists those there are)`);
}

/** Newest first. */
export function listContainers(store: Store): Container[] {
  const found = namesIn(store.path('containers')).flatMap((id) => readRecord(store, id) ?? []);
  return found.sort((a, b) => (a.created < b.created ? 1 : -1));
}

/** PlyfsError `no-container`, `name`, `name-in-use`. */
export async function renameContainer(store: Store, text: string, name: string): Promise<void> {
  checkName(name);
  store.ensure();
  using _lock = await lockRecords(store);
  const container = getContainer(store, text);
  if (container.name === name) return;
  refuseTaken(store, name);
  const renamed = { ...container, name };
  writeRecord(store, container.directory, renamed);
  keepImage(store, renamed);
}

/** Removes it with its upper; from the first step on nobody finds it. PRE: it is not mounted. */
export async function removeContainer(store: Store, container: Container): Promise<void> {
  const gone = store.temporary();
  using _adding = await store.lockForAdding();
  {
    using _lock = await lockRecords(store);
    renameSync(container.directory, gone);
    syncDirectory(store.path('containers'));
    removeUse(store, container.id);
  }
  removeDirectory(gone);
}

/** The catalog's own lock: an image is not removed between being looked up and being kept. */
function lockRecords(store: Store): Promise<FileLock> {
  return FileLock.take(store.path('lock'), 'exclusive', () => {});
}

function keepImage(store: Store, { id, name, image }: ContainerRecord): void {
  putUse(store, id, { label: `container ${name}`, image: image.id, keeps: neededBy(image), pid: undefined });
}

/** docker's rule for names. */
function checkName(name: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}$/.test(name)) return;
  const rule = 'a letter or digit, then letters, digits, "_", "." or "-", 2 to 128 characters in all';
  throw new PlyfsError('name', `"${name}" cannot name a container: use ${rule}`);
}

function refuseTaken(store: Store, name: string): void {
  const holder = listContainers(store).find((container) => container.name === name);
  if (holder === undefined) return;
  throw new PlyfsError(
    'name-in-use',
    `the name ${name} is in use by container ${holder.id.slice(0, 12)}: choose another, or remove or rename that one`,
  );
}

type ContainerRecord = Pick<Container, 'id' | 'name' | 'image' | 'imageName' | 'config' | 'created'>;

function writeRecord(store: Store, directory: string, { id, name, image, imageName, config, created }: ContainerRecord): void {
  const text = `${JSON.stringify({ id, name, image, imageName, config, created }, undefined, 1)}\n`;
  // The directory may have a name of ours yet.
  writing(store.root, () => putFile(join(directory, 'container.json'), store.temporary(), text));
}

/** undefined for a directory that vanished or is not a container's. */
function readRecord(store: Store, id: string): Container | undefined {
  const path = store.path('containers', id, 'container.json');
  const bytes = ifPresent(() => readFileSync(path), 'ENOTDIR');
  if (bytes === undefined) return undefined;
  const object = new JsonObject(parseJson(bytes, path, recordLimitBytes), path);
  return withPaths(store, {
    id,
    name: object.text('name'),
    image: storedImageFrom(object.object('image').raw(), object.at('image')),
    imageName: object.text('imageName'),
    config: object.optionalObject('config')?.raw() ?? {},
    created: object.text('created'),
  });
}

function withPaths(store: Store, record: ContainerRecord): Container {
  const directory = resolve(store.path('containers', record.id));
  return { ...record, directory, upper: join(directory, 'upper'), work: join(directory, 'work') };
}
