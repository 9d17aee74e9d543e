/** Uppers whose markers are spelled otherwise than plyfs would, or in several ways, and names that look like markers. */

import { test } from 'node:test';
import { onDisk, withEngine } from '../../support/engine-stage.js';
import type { Spelling } from '../../support/fixture.js';
import { buildTree } from '../../support/fixture.js';
import { needsRoot } from '../../support/scratch.js';

const lower = ['file f = low; dir d; file d/x = X; dir e; file e/y = Y; file g = G'];

for (const spelling of ['trusted', 'user', 'xattr', 'wh'] as Spelling[]) {
  test(`an upper in the spelling ${spelling}: names are made, removed and moved over its whiteouts`, { skip: needsRoot }, () =>
    withEngine({ lower, upper: 'dir m; file m/1; whiteout f; whiteout d; whiteout e; dir n', spelling }, async (engine) => {
      await engine.run(`ls . -> g m n\nmkdir f\nput f/in "1"\nput d "file"\nrename m e\nls e -> 1\nremount\nls . -> d e f g n\nls e -> 1
        unlink f/in\nrmdir f\nunlink d\nremount\nls . -> e g n\nmkdir d\nls d -> \nrename d f\nrename e d\nremount\nls . -> d f g n
        rename n f\nrename g f/g\nrmtree f\nrmtree d\nls . -> `);
      engine.shows('');
    }),
  );
}

test('an upper of xattr-less days goes on where there are xattrs, and the reverse', { skip: needsRoot }, () =>
  onDisk('tmpfs', '', async () =>
    withEngine(
      { lower, upper: 'dir p; dir p/q; file p/.wh.q; file .wh.d; file .wh.never; dir n; file n/.wh.x' },
      async (engine) => {
        await engine.run(
          'ls . -> e f g n p\nls p -> q\nrmdir p/q\nrmdir p\nmkdir d\nls d -> \nput never "n"\nunlink never\nrmdir n\nremount',
        );
        engine.shows('file f = low; dir e; file e/y = Y; file g = G; dir d');
      },
    ),
  ),
);

test('a directory over a whiteout device, where whiteouts are files', { skip: needsRoot }, () =>
  onDisk('ramfs', '', async () =>
    withEngine({ lower }, async (engine) => {
      engine.view.close();
      buildTree(engine.stage.paths.upper ?? '', 'whiteout d; whiteout e; whiteout f; dir m');
      engine.remount();
      await engine.run('ls . -> g m\nmkdir d\nput f "n"\nrename m e\nls e -> ');
      engine.shows('file g = G; dir d; dir e; file f = n');
      await engine.run('rmdir d\nrename e d');
      engine.shows('file g = G; dir d; file f = n');
    }),
  ),
);

test('wh_names=allow: names that begin with .wh. are kept, hide nothing, and are there again', { skip: needsRoot }, () =>
  withEngine(
    { lower },
    async (engine) => {
      await engine.run(
        'put .wh.f "1"\nput d/.wh..wh..opq "2"\nput .wh. "3"\nunlink g\nput .wh.g "4"\nput g "5"\nrename .wh. .wh.y',
      );
      const view =
        'file f = low; dir d; file d/x = X; dir e; file e/y = Y; file g = 5; file .wh.f = 1; file d/.wh..wh..opq = 2; file .wh.y = 3; file .wh.g = 4';
      engine.shows(view);
    },
    { whNames: 'allow' },
  ),
);
