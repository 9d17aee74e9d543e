/** Making a container: its upper begins as the image's root directory, so that the root of the view looks as the image says. */

import { errno } from '../base/errno.js';
import { errnoOf } from '../base/errors.js';
import type { Name } from '../base/name.js';
import { locateImage } from '../image/find/locate.js';
import { openStackOf } from '../image/stack/stack.js';
import { readStoredConfig } from '../image/stack/stored-config.js';
import { ImageView } from '../image/tree/image-view.js';
import { markKeptRoot } from '../layers/kept-ids.js';
import { isHiddenXattr } from '../layers/markers.js';
import { log } from '../observe/log.js';
import type { StoredImage } from '../store/catalog.js';
import { type Container, createContainer } from '../store/containers.js';
import type { Store } from '../store/store.js';
import { O_DIRECTORY, O_RDONLY } from '../sys/constants.js';
import { closeFd, openPath } from '../sys/open.js';
import { chmodAt, chownAt, utimensAt } from '../sys/stat.js';
import { setxattrAt } from '../sys/xattr.js';
import { chosenConfig, type RunOptions } from './run-options.js';

const self = '' as Name;

/** A new container of an image of the store. PlyfsError `no-image`, `name`, `name-in-use`, `usage`. */
export function newContainer(
  store: Store,
  image: string,
  name: string | undefined,
  options: RunOptions = {},
): Promise<Container> {
  const configFor = ({ id }: StoredImage) => chosenConfig(readStoredConfig(store, id), options);
  return createContainer(
    store,
    image,
    name,
    async (upper, { id, layers }) => {
      if (layers.length === 0) return;
      const view = new ImageView(image, await openStackOf(store, await locateImage(store, id)));
      try {
        copyRoot(view, upper);
      } finally {
        view.close();
      }
    },
    configFor,
  );
}

function copyRoot(view: ImageView, upper: string): void {
  const { mode, uid, gid, mtimeSec, mtimeNsec } = view.attributes(view.root);
  const fd = openPath(upper, O_RDONLY | O_DIRECTORY);
  try {
    if (process.geteuid?.() === 0) unlessForbidden('the owner', () => chownAt(fd, self, uid, gid));
    else markKeptRoot(fd, uid, gid, mode);
    chmodAt(fd, self, mode & 0o7777);
    for (const [key, value] of view.xattrs(view.root)) {
      if (!isHiddenXattr(key)) unlessForbidden(key, () => setxattrAt(fd, self, key, value));
    }
    utimensAt(fd, self, mtimeSec, mtimeNsec, mtimeSec, mtimeNsec);
  } finally {
    closeFd(fd);
  }
}

/** Without root not everything of an image's root directory can be had. */
function unlessForbidden(what: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    const number = errnoOf(error);
    if (number !== errno.EPERM && number !== errno.EOPNOTSUPP) throw error;
    log('info', `${what} of the image's root directory cannot be set on the upper`);
  }
}
