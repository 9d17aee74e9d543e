/** A layer's tar that is cut off while it is mounted: errors, and never zeros, neither to readers nor in the upper. */

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { errno } from '../../../src/base/errno.js';
import type { Name } from '../../../src/base/name.js';
import { Counters } from '../../../src/observe/counters.js';
import { openOverlay } from '../../../src/overlay/open.js';
import { Deferred, rootNode } from '../../../src/vfs/filesystem.js';
import { doJob, InProcessView } from '../../support/in-process.js';
import { needsRoot, refuses } from '../../support/scratch.js';
import { layerOf, tempDirectory } from '../../support/tar-fixture.js';
import { tarOfTree } from '../../support/tree-tar.js';

const rest = {
  isVolatile: false,
  staticNlink: false,
  xino: 'auto',
  whNames: 'refuse',
  redirectDir: true,
  posixAcl: true,
  accessTimes: { files: 'relative', directories: 'relative' },
} as const;

test('a file of a tar that was cut off is EIO to readers and writers, and no part of it gets into the upper', {
  skip: needsRoot,
}, (t) => {
  const base = tempDirectory(t);
  const [upper, work] = [join(base, 'upper'), join(base, 'work')];
  for (const path of [upper, work]) mkdirSync(path);
  const layer = layerOf(t, tarOfTree('file a = whole; file big pattern=1:3000000; file small pattern=2:9000'));
  const fs = openOverlay({ layers: [], upper, work, ...rest }, new Counters(), [layer]);
  const view = new InProcessView(fs);
  truncateSync(
    `/proc/self/fd/${layer.open(layer.root, 'a' as Name, layer.find(layer.root, 'a' as Name)!.ref).fd}`,
    777 + 512 * 5,
  );
  try {
    assert.equal(view.run('read a'), '"whole"');
    for (const name of ['big', 'small']) {
      const node = fs.lookup(rootNode, name as Name)!;
      refuses(errno.EIO, () => fs.read(node, 0, Buffer.alloc(4096), 0, 4096));
      const write = () => fs.write(node, 0, Buffer.from('x'), 0, 1, false);
      refuses(errno.EIO, () => {
        try {
          write();
        } catch (error) {
          if (!(error instanceof Deferred)) throw error;
          const { failure, result } = doJob(error);
          error.finish(failure, result);
        }
      });
    }
    assert.deepEqual(readdirSync(upper), []);
  } finally {
    fs.destroy();
  }
});
