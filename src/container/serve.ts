/** The serving thread: opens the overlay and serves it until it is unmounted. It blocks in the driver for the whole life of the mount, so it
 *  hears two orders, `open` and `serve`, and no more; ServingThread (serving.ts) is the other end. */

import { parentPort } from 'node:worker_threads';
import { PlyfsError } from '../base/errors.js';
import type { Driver } from '../fuse/driver.js';
import { Counters } from '../observe/counters.js';
import { openOverlay } from '../overlay/open.js';
import type { FileSystem } from '../vfs/filesystem.js';
import { findDriver } from './drivers.js';
import type { ServeOrder, ServeReport } from './serving.js';

const port = parentPort ?? raise(new Error('serve.js runs in a worker thread'));

// The usual driver is loaded while the main thread still reads the options; where it cannot be, `open` or `serve` says so.
Promise.all([findDriver('direct'), import('../fuse/direct/session.js')]).catch(() => undefined);

interface Opened {
  fs: FileSystem;
  driver: Driver;
  order: Extract<ServeOrder, { kind: 'open' }>;
  counters: Counters;
}
let opened: Opened | undefined;

port.on('message', (order: ServeOrder) => {
  obey(order).catch((error: unknown) => {
    tell({ kind: 'failed', ...describe(error) });
    port.close();
  });
});

async function obey(order: ServeOrder): Promise<void> {
  if (order.kind === 'open') {
    const counters = new Counters(order.counters);
    const driver = await findDriver(order.driver);
    opened = { fs: openOverlay(order.config, counters), driver, order, counters };
    tell({ kind: 'opened' });
    return;
  }
  if (opened === undefined) throw new Error('serve before open');
  const { fs, driver, counters } = opened;
  try {
    await driver.serve(fs, order.attachment, opened.order.options, counters, () => tell({ kind: 'ready' }));
  } finally {
    fs.destroy();
  }
  tell({ kind: 'ended' });
  port.close();
}

function tell(report: ServeReport): void {
  port.postMessage(report);
}

function describe(error: unknown): { code: string; message: string; stack: string } {
  if (error instanceof PlyfsError) return { code: error.code, message: error.message, stack: '' };
  if (!(error instanceof Error)) return { code: 'failed', message: String(error), stack: '' };
  return { code: 'failed', message: `the mount could not be served: ${error.message}`, stack: error.stack ?? '' };
}

function raise(error: Error): never {
  throw error;
}
