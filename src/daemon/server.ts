/** Opens the overlay and serves it until it is unmounted, on the orders `open` and `serve`. It works in the serving thread (thread-main.ts), or
 *  in the main thread for a driver that can work nowhere else; ServingThread (thread.ts) is the other end of both. */

import type { ErrorCode } from '../base/error-codes.js';
import { PlyfsError } from '../base/errors.js';
import type { Driver } from '../fuse/driver.js';
import type { Layer } from '../layers/layer.js';
import type { MountedImage } from '../mount/mount-request.js';
import { Counters } from '../observe/counters.js';
import { openOverlay } from '../overlay/open.js';
import { closeFd } from '../sys/open.js';
import type { FileSystem } from '../vfs/filesystem.js';
import { findDriver } from './drivers.js';
import type { ServeOrder, ServeReport } from './orders.js';

interface Opened {
  fs: FileSystem;
  driver: Driver;
  order: Extract<ServeOrder, { kind: 'open' }>;
  counters: Counters;
}

export class Server {
  private opened: Opened | undefined;

  constructor(private readonly tell: (report: ServeReport) => void) {}

  /** Does what `order` says and tells of it, also when it fails. False when there is nothing more to do. */
  async obey(order: ServeOrder): Promise<boolean> {
    try {
      if (order.kind === 'open') await this.open(order);
      else if (order.kind === 'serve') await this.serve(order);
      return order.kind === 'open';
    } catch (error) {
      this.tell({ kind: 'failed', ...describe(error) });
      return false;
    }
  }

  private async open(order: Extract<ServeOrder, { kind: 'open' }>): Promise<void> {
    const counters = new Counters(order.counters);
    const driver = await findDriver(order.driver);
    const layers = order.image === undefined ? undefined : await openLayers(order.image);
    this.opened = { fs: openOverlay(order.config, counters, layers), driver, order, counters };
    this.tell({ kind: 'opened' });
  }

  private async serve({ attachment, locks }: Extract<ServeOrder, { kind: 'serve' }>): Promise<void> {
    if (this.opened === undefined) throw new Error('serve before open');
    const { fs, driver, counters, order } = this.opened;
    try {
      await driver.serve(fs, attachment, order.options, counters, () => this.tell({ kind: 'ready' }));
    } finally {
      fs.destroy();
      for (const fd of locks) closeFd(fd);
    }
    this.tell({ kind: 'ended' });
  }
}

/** The image tower is loaded only where an image is mounted. */
async function openLayers(image: MountedImage): Promise<Layer[]> {
  const [{ layersToShow }, { Store }] = await Promise.all([import('../image/stack/stack.js'), import('../store/store.js')]);
  return layersToShow(new Store(image.storeRoot), image.layers);
}

function describe(error: unknown): { code: ErrorCode; message: string; stack: string } {
  if (error instanceof PlyfsError) return { code: error.code, message: error.message, stack: '' };
  if (!(error instanceof Error)) return { code: 'failed', message: String(error), stack: '' };
  return { code: 'failed', message: `the mount could not be served: ${error.message}`, stack: error.stack ?? '' };
}
