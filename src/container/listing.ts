/** What `ps` lists and how it is filtered. */

import type { Digest } from '../base/digest.js';
import { Filters } from '../base/filters.js';
import { readStoredConfig } from '../image/stack/stored-config.js';
import { type StoredImage, sharedLayers } from '../store/catalog.js';
import { getContainer } from '../store/containers.js';
import { findImage } from '../store/resolve.js';
import type { Store } from '../store/store.js';
import { type ContainerState, containerStates } from './containers.js';
import { runConfigOf } from './run-options.js';

export interface ListedContainer extends ContainerState {
  /** What it would run, from its image. */
  readonly command: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface ListingOptions {
  /** Also those that are not mounted. */
  readonly all?: boolean;
  /** The newest so many, mounted or not. */
  readonly last?: number | undefined;
  readonly filters?: readonly string[];
}

const filterKeys = {
  ...{ id: 'ID', name: 'NAME', label: 'KEY[=VALUE]', status: 'created or mounted', ancestor: 'IMAGE', before: 'CONTAINER' },
  ...{
    since: 'CONTAINER',
    health: 'none',
    exited: 'CODE',
    volume: 'NAME or PATH',
    network: 'NAME',
    publish: 'PORT',
    expose: 'PORT',
  },
};
const states = ['created', 'mounted', 'restarting', 'running', 'removing', 'paused', 'exited', 'dead'];
const healths = ['starting', 'healthy', 'unhealthy', 'none'];

/** Newest first. PlyfsError `filter`, `no-container`. */
export function listedContainers(store: Store, { all = false, last, filters: texts = [] }: ListingOptions): ListedContainer[] {
  const filters = new Filters(texts, filterKeys);
  const wantedStates = filters.words('status', states);
  filters.words('health', healths);
  // Asking for a state, or beside another container, asks for all; so does docker.
  const showsAll = all || last !== undefined || ['status', 'before', 'since'].some((key) => filters.has(key));
  const isWanted = wanted(store, filters);
  const found = containerStates(store)
    .filter((container) => showsAll || container.mount !== undefined)
    .filter(
      (container) => wantedStates.length === 0 || wantedStates.includes(container.mount === undefined ? 'created' : 'mounted'),
    )
    .map((container) => ({ ...container, ...configured(store, container) }))
    .filter(isWanted);
  return last === undefined ? found : found.slice(0, last);
}

function wanted(store: Store, filters: Filters): (container: ListedContainer) => boolean {
  const [ids = [], names = []] = ['id', 'name'].map((key) => filters.of(key).map((value) => expression(filters, key, value)));
  const createdAt = (text: string): string => getContainer(store, text).created;
  const before = filters.of('before').map(createdAt).sort()[0];
  const since = filters.of('since').map(createdAt).sort().at(-1);
  const ancestors = filters.of('ancestor').flatMap((text) => findImage(store.catalog(), text)?.image ?? []);
  return (container) =>
    (ids.length === 0 || ids.some((id) => id.test(container.id))) &&
    (names.length === 0 || names.some((pattern) => namesOf(container).some((name) => pattern.test(name)))) &&
    (before === undefined || container.created < before) &&
    (since === undefined || container.created > since) &&
    (!filters.has('ancestor') || ancestors.some((image) => descends(store, container.image, image))) &&
    filters.labels(container.labels) &&
    filters.any('health', (value) => value === 'none') &&
    // No container here has run, has a volume, a network or a port.
    !['exited', 'volume', 'network', 'publish', 'expose'].some((key) => filters.has(key));
}

/** docker knows them with a slash before, and people write `^/web$`. */
function namesOf({ name }: ListedContainer): string[] {
  return [name, `/${name}`];
}

/** PlyfsError `filter` for what is no regular expression. */
function expression(filters: Filters, key: string, value: string): RegExp {
  try {
    return new RegExp(value);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw filters.refused(key, value);
  }
}

/** Whether an image is `ancestor`, was committed from it, or has all its layers below its own. */
function descends(store: Store, image: StoredImage, ancestor: StoredImage): boolean {
  const { images } = store.catalog();
  for (let one: StoredImage | undefined = image; one !== undefined; one = parentOf(one, images)) {
    if (one.id === ancestor.id) return true;
  }
  return ancestor.layers.length > 0 && sharedLayers(image, ancestor) === ancestor.layers.length;
}

function parentOf({ parent }: StoredImage, images: ReadonlyMap<Digest, StoredImage>): StoredImage | undefined {
  return parent === undefined ? undefined : images.get(parent);
}

function configured(store: Store, { image, config }: ContainerState): Pick<ListedContainer, 'command' | 'labels'> {
  const { Entrypoint, Cmd, Labels } = runConfigOf(readStoredConfig(store, image.id).document.config, config);
  return { command: [...(Entrypoint ?? []), ...(Cmd ?? [])], labels: Labels ?? {} };
}
