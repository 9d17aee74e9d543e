/** Counters and a latency histogram of one mount, in shared memory: the serving thread counts, the main thread reads.
 *  Float64 slots (exact to 2^53), written by one thread only. */

/** Requests are counted by opcode (0..63 and everything above in the last slot). */
export const opcodeSlots = 64;
/** Latency of a request in the daemon: slot i holds those below 2^i microseconds (and not below 2^(i-1)); the last slot all above. */
export const latencySlots = 24;

/** Further numbers by name. `lookupsFromMemory` are lookups that asked no layer, `layersTouched` the questions that the others asked:
 *  divided by `lookups` the layers touched per lookup. */
export const counterNames = [
  'requests',
  'errors',
  'exceptions',
  'bytesRead',
  'bytesWritten',
  'directoriesLoaded',
  'layerListings',
  'layerStats',
  'lookups',
  'lookupMisses',
  'lookupsFromMemory',
  'layersTouched',
  'copyUps',
  'copyUpBytes',
  'nodes',
  'names',
  'parked',
  'spinHits',
  'sleeps',
  'bursts',
  'prefetched',
] as const;
export type CounterName = (typeof counterNames)[number];

export class Counters {
  readonly slots: Float64Array;

  /** `memory` of another thread's Counters, or none for new ones. */
  constructor(readonly memory = new SharedArrayBuffer((opcodeSlots + latencySlots + counterNames.length) * 8)) {
    this.slots = new Float64Array(memory);
  }

  add(name: CounterName, amount = 1): void {
    this.slots[counterSlot[name]]! += amount;
  }

  set(name: CounterName, value: number): void {
    this.slots[counterSlot[name]] = value;
  }

  get(name: CounterName): number {
    return this.slots[counterSlot[name]]!;
  }

  /** One request with `opcode`, answered after `microseconds` in the daemon. */
  request(opcode: number, microseconds: number): void {
    const slots = this.slots;
    slots[opcode < opcodeSlots ? opcode : opcodeSlots - 1]! += 1;
    slots[counterSlot.requests]! += 1;
    const us = microseconds < 1 ? 0 : 32 - Math.clz32(microseconds);
    slots[opcodeSlots + (us < latencySlots ? us : latencySlots - 1)]! += 1;
  }

  requestsOf(opcode: number): number {
    return this.slots[opcode]!;
  }

  latency(): number[] {
    return [...this.slots.subarray(opcodeSlots, opcodeSlots + latencySlots)];
  }
}

const counterSlot = Object.fromEntries(counterNames.map((name, index) => [name, opcodeSlots + latencySlots + index])) as Record<
  CounterName,
  number
>;
