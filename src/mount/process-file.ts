/** Where the code of a mount's process is. scripts/bundle.mjs puts another file in the place of this one. */

import { fileURLToPath } from 'node:url';

export const processFile = fileURLToPath(new URL('../cli/mount-process.js', import.meta.url));
