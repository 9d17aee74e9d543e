/** The serving thread. It blocks in the driver for the whole life of the mount, so it hears the orders of server.ts and no more. */

import { parentPort } from 'node:worker_threads';
import { findDriver } from './drivers.js';
import { Server } from './server.js';
import type { ServeOrder } from './serving.js';

const port = parentPort ?? raise(new Error('serve.js runs in a worker thread'));

// The usual driver is loaded while the main thread still reads the options; where it cannot be, `open` or `serve` says so.
Promise.all([findDriver('direct'), import('../fuse/direct/session.js')]).catch(() => undefined);

const server = new Server((report) => port.postMessage(report));

port.on('message', async (order: ServeOrder) => {
  if (!(await server.obey(order))) port.close();
});

function raise(error: Error): never {
  throw error;
}
