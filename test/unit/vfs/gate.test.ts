import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Gate } from '../../../src/vfs/gate.js';

test('while a gate is held nothing goes through, and afterwards everything does', async () => {
  const gate = new Gate();
  const counter = new Int32Array(new SharedArrayBuffer(8));
  const url = new URL('../../../src/vfs/gate.js', import.meta.url).href;
  const code = `
    const { workerData } = require('node:worker_threads');
    import('${url}').then(({ Gate }) => {
      const gate = new Gate(workerData.gate);
      while (Atomics.load(workerData.counter, 1) === 0) {
        gate.enter();
        Atomics.add(workerData.counter, 0, 1);
        gate.leave();
      }
    });`;
  const worker = new Worker(code, { eval: true, workerData: { gate: gate.memory, counter } });
  const runs = () => Atomics.load(counter, 0);
  while (runs() === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(await gate.hold(1000), true);
  const still = runs();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(runs(), still);
  gate.release();
  while (runs() === still) await new Promise((resolve) => setTimeout(resolve, 1));
  Atomics.store(counter, 1, 1);
  await new Promise((resolve) => worker.once('exit', resolve));
});

test('a gate whose operation does not end is not held', async () => {
  const gate = new Gate();
  gate.enter();
  assert.equal(await gate.hold(10), false);
  gate.leave();
  gate.enter();
});
