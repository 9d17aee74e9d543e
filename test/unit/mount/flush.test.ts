import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flushMount } from '../../../src/mount/flush.js';

test('a flush that fails is an error that names the mount, for commit as for umount; a read-only mount has nothing to flush', async () => {
  const target = '/nowhere/mnt';
  await assert.rejects(flushMount({ target, isReadOnly: false }), {
    code: 'unflushed',
    message: /written to \/nowhere\/mnt .*sync ended with 1/,
  });
  await flushMount({ target, isReadOnly: true });
});
