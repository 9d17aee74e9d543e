/** Trace topics: PLYFS_TRACE=fuse,copyup prints lines about a topic on stderr (which is the log file of a background mount). */

import { writeStderr } from './log.js';

const active = new Set<string>();

export function enableTrace(topics: readonly string[]): void {
  for (const topic of topics) if (topic !== '') active.add(topic);
}

enableTrace((process.env.PLYFS_TRACE ?? '').split(','));

export function isTraced(topic: string): boolean {
  return active.has(topic);
}

/** One line; `text` is called only when somebody listens. Written synchronously: a worker's process.stderr needs event loops to run,
 *  and the serving thread's never does. */
export function trace(topic: string, text: () => string): void {
  if (active.has(topic)) writeStderr(`${text()}\n`);
}
