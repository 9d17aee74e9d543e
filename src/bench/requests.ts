/** Counts what the kernel asks a FUSE daemon, any daemon, through the tracepoint fuse:fuse_request_send (Linux 6.11; needs root). */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const tracing = '/sys/kernel/tracing';
const eventFile = 'events/fuse/fuse_request_send';

const prefix = 'plyfs-bench-';

/** Instances of runs that were killed keep their buffers. */
function removeStale(): void {
  for (const name of readdirSync(join(tracing, 'instances'))) {
    if (name.startsWith(prefix) && !existsSync(`/proc/${name.slice(prefix.length)}`)) rmdirSync(join(tracing, 'instances', name));
  }
}

/** Requests by opcode name (LOOKUP, READ, ...). FORGET is not traced by the kernel. */
export type RequestCounts = Record<string, number>;

export class RequestCounter {
  private constructor(private readonly instance: string) {}

  /** undefined where the kernel has no such tracepoint or we may not use it. */
  static open(): RequestCounter | undefined {
    if (process.getuid?.() !== 0) return undefined;
    if (!existsSync(join(tracing, 'instances'))) spawnSync('mount', ['-t', 'tracefs', 'tracefs', tracing]);
    if (!existsSync(join(tracing, eventFile))) return undefined;
    removeStale();
    const instance = join(tracing, 'instances', `${prefix}${process.pid}`);
    mkdirSync(instance);
    writeFileSync(join(instance, 'buffer_size_kb'), '16384');
    return new RequestCounter(instance);
  }

  /** Starts to count the requests of a FUSE connection. */
  start(connection: number): void {
    writeFileSync(join(this.instance, eventFile, 'enable'), '0');
    writeFileSync(join(this.instance, eventFile, 'filter'), `connection == ${connection}`);
    writeFileSync(join(this.instance, 'trace'), '');
    writeFileSync(join(this.instance, eventFile, 'enable'), '1');
  }

  /** What was asked since `start`. Where the buffer was too small, the shares of what it kept stand for the whole. */
  stop(): RequestCounts {
    writeFileSync(join(this.instance, eventFile, 'enable'), '0');
    const text = readFileSync(join(this.instance, 'trace'), 'latin1');
    const counts: RequestCounts = {};
    for (const match of text.matchAll(/ opcode \d+ \((?:FUSE_)?([^)]+)\)/g)) {
      const name = match[1]!; // the group always matches
      counts[name] = (counts[name] ?? 0) + 1;
    }
    const [, kept, written] = /entries-in-buffer\/entries-written: (\d+)\/(\d+)/.exec(text) ?? [];
    const scale = Number(written ?? 0) / Math.max(1, Number(kept ?? 0));
    if (scale > 1) for (const name in counts) counts[name] = Math.round(counts[name]! * scale); // name is one of its keys
    return counts;
  }

  close(): void {
    writeFileSync(join(this.instance, eventFile, 'enable'), '0');
    rmdirSync(this.instance);
  }
}
