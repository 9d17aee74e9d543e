/** What a mount has done so far, as `plyfs stats` shows it. */

import { opcode } from '../fuse/protocol/constants.js';
import { type Counters, counterNames, opcodeSlots } from '../observe/counters.js';

export interface MountStats {
  /** By the kernel's name of the request; only those that came. */
  requests: Record<string, number>;
  /** Time in the daemon: `count` requests took less than `belowUs` microseconds, and not less than the row before; empty rows left out. */
  latency: { belowUs: number; count: number }[];
  counters: Record<string, number>;
}

const opcodeNames = new Map<number, string>(Object.entries(opcode).map(([name, number]) => [number, name]));

export function readStats(counters: Counters): MountStats {
  const requests: Record<string, number> = {};
  for (let number = 0; number < opcodeSlots; number++) {
    const count = counters.requestsOf(number);
    if (count > 0) requests[opcodeNames.get(number) ?? `OPCODE_${number}`] = count;
  }
  const latency = counters.latency().map((count, slot) => ({ belowUs: 2 ** slot, count }));
  return {
    requests,
    latency: latency.filter((row) => row.count > 0),
    counters: Object.fromEntries(counterNames.map((name) => [name, counters.get(name)])),
  };
}

/** The stats that another process sent as JSON. */
export function parseStats(json: unknown): MountStats {
  // The daemon's readStats wrote it; a daemon of another version may lack a part.
  const { requests = {}, latency = [], counters = {} } = json as Partial<MountStats>;
  return { requests, latency, counters };
}
