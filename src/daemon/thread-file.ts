/** Where the code of the serving thread is. scripts/bundle.mjs puts another file in the place of this one. */

import { fileURLToPath } from 'node:url';

export const serveFile = fileURLToPath(new URL('./thread-main.js', import.meta.url));
