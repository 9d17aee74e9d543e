/** What follows an unmount at once. */

import { test } from 'node:test';
import { direct, waitForProcesses } from '../support/implementers.js';
import * as libc from '../support/libc.js';
import { onStage } from '../support/stage.js';

test('an upper can be mounted again as soon as umount(8) has returned', { skip: direct.unavailable() ?? false }, () =>
  onStage({ lower: ['file a'] }, async ({ paths }) => {
    for (let i = 0; i < 4; i++) {
      direct.mount(paths, 'trusted');
      libc.umount(paths.target);
    }
    waitForProcesses(paths.target);
  }),
);
