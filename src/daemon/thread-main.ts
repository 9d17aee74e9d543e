/** The serving thread. It blocks in the driver for the whole life of the mount, so it hears the orders of server.ts and no more. */

import { parentPort } from 'node:worker_threads';
// What the usual driver needs, loaded with all the rest: one by one it takes 10 ms longer.
import '../fuse/direct/driver.js';
import '../fuse/io/io-threads.js';
import '../fuse/direct/session.js';
import type { ServeOrder } from './orders.js';
import { Server } from './server.js';

const port = parentPort ?? raise(new Error('thread-main.js runs in a worker thread'));

const server = new Server((report) => port.postMessage(report));

port.on('message', async (order: ServeOrder) => {
  if (!(await server.obey(order))) port.close();
});

function raise(error: Error): never {
  throw error;
}
