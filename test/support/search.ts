/** Random cases, one after the other, until the time is over. The seed of one that fails, or that never ends, is printed: PLYFS_SEED
 *  repeats it, PLYFS_FUZZ_MS sets how long to search (1000). */

import assert from 'node:assert/strict';
import { Worker } from 'node:worker_threads';
import { Random } from './random.js';
import { firstSeed, isRepeated } from './seed.js';

const searchMs = Number(process.env.PLYFS_FUZZ_MS ?? 1000);
/** No case takes so long, on a busy machine either. */
const endlessMs = 60_000;

/** Runs `once` for the kept seeds, then for new ones; how many there were. None may take `slowMs` or longer. */
export async function search(
  what: string,
  once: (random: Random) => void | Promise<void>,
  { keptSeeds = [], slowMs = endlessMs }: { keptSeeds?: readonly number[]; slowMs?: number } = {},
): Promise<number> {
  const until = Date.now() + searchMs;
  const seeds = isRepeated ? [firstSeed] : [...keptSeeds, firstSeed];
  const now = new Float64Array(new SharedArrayBuffer(8));
  const watchdog = watch(what, now);
  let count = 0;
  for (; seeds.length > 0 || (!isRepeated && Date.now() < until); count++) {
    const seed = seeds.shift() ?? firstSeed + count;
    now[0] = seed;
    const begin = Date.now();
    try {
      await once(new Random(seed));
      assert.ok(Date.now() - begin < slowMs, `took ${Date.now() - begin} ms`);
    } catch (error) {
      const why = (error as Error).stack?.slice(0, 2000);
      throw new Error(`${what}: PLYFS_SEED=${seed} fails: ${why}`, { cause: error });
    }
  }
  await watchdog.terminate();
  return count;
}

/** A case that never ends holds the thread, and the runner would wait for it: another thread says which it is and ends the process. */
function watch(what: string, now: Float64Array): Worker {
  const code = `
    const { workerData: { what, now, endlessMs } } = require('node:worker_threads');
    let last = -1;
    setInterval(() => {
      if (now[0] === last) {
        require('node:fs').writeSync(2, what + ': PLYFS_SEED=' + last + ' does not end\\n');
        process.kill(process.pid, 'SIGKILL');
      }
      last = now[0];
    }, endlessMs);`;
  const watchdog = new Worker(code, { eval: true, workerData: { what, now, endlessMs } });
  watchdog.unref();
  return watchdog;
}
