/** The worker thread of ingest-pool.ts: one job at a time. */

import { parentPort } from 'node:worker_threads';
import type { ErrorCode } from '../../base/error-codes.js';
import { PlyfsError } from '../../base/errors.js';
import { systemWords } from '../../base/system-words.js';
import { type IngestJob, ingest } from './ingest.js';
import type { WorkerMessage } from './ingest-pool.js';

const port = parentPort;
if (port === null) throw new Error('ingest-worker.js runs as a worker thread only');

const tell = (message: WorkerMessage): void => port.postMessage(message);

port.on('message', (job: IngestJob) => {
  ingest(job, (bytes) => tell({ kind: 'bytes', bytes })).then(
    (result) => tell({ kind: 'done', result }),
    (error: unknown) => tell({ kind: 'failed', ...described(error) }),
  );
});

function described(error: unknown): { code: ErrorCode | undefined; text: string } {
  if (error instanceof PlyfsError) return { code: error.code, text: error.message };
  const refused = systemWords(error);
  if (refused !== undefined) return { code: 'unreadable', text: `what is to be loaded cannot be read: ${refused}` };
  return { code: undefined, text: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
