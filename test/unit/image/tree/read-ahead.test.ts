/** Reading ahead in layer tars: whatever is asked for, in whatever order, is what the file holds. */

import assert from 'node:assert/strict';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ReadAhead } from '../../../../src/image/tree/read-ahead.js';
import { Random } from '../../../support/random.js';
import { firstSeed as seed } from '../../../support/seed.js';
import { tempDirectory } from '../../../support/tar-fixture.js';

test('reads of a layer, one after another, with gaps, backwards or past the end, are those of the file', (t) => {
  t.diagnostic(`PLYFS_SEED=${seed}`);
  const random = new Random(seed);
  const bytes = Buffer.from(Array.from({ length: 1_500_000 }, () => random.below(256)));
  const path = join(tempDirectory(t), 'layer.tar');
  writeFileSync(path, bytes);
  const fd = openSync(path, 'r');
  t.after(() => closeSync(fd));
  const reader = new ReadAhead(fd);
  const into = Buffer.alloc(300_000);
  let position = 0;
  for (let round = 0; round < 3000; round++) {
    const length = random.below(10) === 0 ? random.below(into.length) : random.below(9000);
    const at = random.below(into.length - length + 1);
    const count = reader.read(into, at, length, position);
    const expected = bytes.subarray(position, position + length);
    assert.ok(count > 0 || expected.length === 0, `PLYFS_SEED=${seed}: nothing at ${position}`);
    assert.ok(
      into.subarray(at, at + count).equals(expected.subarray(0, count)),
      `PLYFS_SEED=${seed}: ${length} bytes at ${position}`,
    );
    position = random.below(20) === 0 ? random.below(bytes.length + 1000) : position + count + random.below(3) * 700;
  }
});
