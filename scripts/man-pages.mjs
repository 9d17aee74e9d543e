// Writes the manual pages, share/man/man1/plyfs*.1, which man(1) finds beside a bin directory of the PATH, and npm installs.

import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = join(root, 'share/man/man1');
rmSync(pages, { recursive: true, force: true });
const { status } = spawnSync(process.execPath, [join(root, 'dist/src/cli/main.js'), 'man', '--directory', pages], {
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
