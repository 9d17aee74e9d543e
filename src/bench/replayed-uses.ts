/** When the nodes of a recorded trace are used: a file that loses its name while somebody holds it is used after that. An open is no
 *  request where the driver has none, so the trace does not tell who holds what. */

import type { RecordedRequest } from '../observe/recording.js';

/** Requests that go to a file that is open. */
const throughDescriptor = new Set(['READ', 'WRITE', 'FSYNC', 'LSEEK', 'FALLOCATE', 'COPY_FILE_RANGE', 'COPY_FILE_RANGE_64']);
const making = new Set(['MKNOD', 'MKDIR', 'CREATE', 'SYMLINK']);

export class ReplayedUses {
  /** Places in the trace by node: a use, or, as ~place, the moment when the number is given to something new. Ascending. */
  private readonly events = new Map<number, number[]>();

  constructor(requests: readonly RecordedRequest[]) {
    for (const [at, { op, node, given }] of requests.entries()) {
      if (throughDescriptor.has(op)) this.add(node, at);
      if (given !== undefined && making.has(op)) this.add(given, ~at);
    }
  }

  /** Whether what `node` is now is read or written after place `at` of the trace. Asked in ascending order. */
  isUsedAfter(node: number, at: number): boolean {
    const events = this.events.get(node) ?? [];
    while (events.length > 0 && Math.max(events[0]!, ~events[0]!) <= at) events.shift(); // it has one
    return events[0] !== undefined && events[0] >= 0;
  }

  private add(node: number, event: number): void {
    const events = this.events.get(node);
    if (events === undefined) this.events.set(node, [event]);
    else events.push(event);
  }
}
