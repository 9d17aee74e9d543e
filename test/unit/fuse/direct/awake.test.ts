import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { Awake } from '../../../../src/fuse/direct/awake.js';
import { Counters } from '../../../../src/observe/counters.js';
import { keepCpusAwake } from '../../../../src/sys/latency.js';
import { closeFd } from '../../../../src/sys/open.js';

const device = '/dev/cpu_dma_latency';

/** Whether this process wishes for CPUs that do not halt. */
function isHeld(): boolean {
  return readdirSync('/proc/self/fd').some((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === device;
    } catch {
      return false; // the descriptor of the listing itself
    }
  });
}

function whyNot(): string | false {
  const fd = keepCpusAwake();
  if (fd === undefined) return `${device} cannot be opened here`;
  closeFd(fd);
  return false;
}

function arrive(awake: Awake, waitedMs: number, times: number): void {
  for (let i = 0; i < times; i++) awake.arrived(waitedMs);
}

test('a burst of requests keeps idle CPUs from halting until it is over', { skip: whyNot() }, () => {
  const counters = new Counters();
  const awake = new Awake(true, counters);
  arrive(awake, 0.01, 15);
  assert.equal(isHeld(), false, 'a few requests are no burst');
  assert.equal(awake.patienceMs, -1);
  arrive(awake, 0.01, 1);
  assert.equal(isHeld(), true);
  assert.ok(awake.patienceMs > 0, 'the sleep is bounded while CPUs are kept awake');
  awake.rest();
  assert.equal(isHeld(), false);
  assert.equal(counters.get('bursts'), 1);
});

test('requests that come slowly end a burst, however long it was', { skip: whyNot() }, () => {
  const awake = new Awake(true, new Counters());
  arrive(awake, 0.01, 10_000);
  arrive(awake, 2, 15);
  assert.equal(isHeld(), true);
  arrive(awake, 2, 1);
  assert.equal(isHeld(), false);
});

test('without awake nothing is kept from halting', () => {
  const awake = new Awake(false, new Counters());
  arrive(awake, 0.01, 1000);
  assert.equal(isHeld(), false);
  assert.equal(awake.patienceMs, -1);
});
