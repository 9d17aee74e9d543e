/** What write workloads bring along: an archive, a tree of packages, C sources. The same everywhere. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PlyfsError } from '../base/errors.js';
import { seededRandom } from './statistics.js';

export interface Inputs {
  /** A tar of small files in directories; `archiveObjects` in all. */
  archive: string;
  archiveObjects: number;
  /** A directory laid out like node_modules. */
  modules: string;
  modulesObjects: number;
  /** C files that include most of libc's headers. */
  sources: readonly string[];
}

const shape = { archiveDirectories: 250, archiveFiles: 20, packages: 150, packageFiles: 28, sources: 24 };

export function inputsAt(home: string): Inputs {
  return {
    archive: join(home, 'archive.tar'),
    archiveObjects: shape.archiveDirectories * (shape.archiveFiles + 1) + 1,
    modules: join(home, 'node_modules'),
    modulesObjects: shape.packages * (shape.packageFiles + 3) + 1,
    sources: Array.from({ length: shape.sources }, (_, i) => join(home, `unit${i}.c`)),
  };
}

export function buildInputs(home: string): void {
  const inputs = inputsAt(home);
  const random = seededRandom(5);
  for (let d = 0; d < shape.archiveDirectories; d++) {
    const directory = join(home, 'archive', `dir${d}`);
    mkdirSync(directory, { recursive: true });
    for (let f = 0; f < shape.archiveFiles; f++) writeFileSync(join(directory, `file${f}.txt`), text(random));
  }
  const tar = spawnSync('tar', ['-cf', inputs.archive, '-C', home, 'archive'], { timeout: 120_000 });
  if (tar.status !== 0) throw new PlyfsError('bench', `tar failed: ${tar.stderr?.toString()}`);
  for (let p = 0; p < shape.packages; p++) {
    const directory = join(inputs.modules, `package${p}`);
    mkdirSync(join(directory, 'lib'), { recursive: true });
    writeFileSync(join(directory, 'package.json'), JSON.stringify({ name: `package${p}`, version: '1.0.0', main: 'lib/m0.js' }));
    for (let f = 0; f < shape.packageFiles; f++) writeFileSync(join(directory, 'lib', `m${f}.js`), text(random));
  }
  for (const [index, file] of inputs.sources.entries()) writeFileSync(file, source(index));
}

/** 0.2 to 20 KiB, most of them short. */
function text(random: () => number): string {
  const bytes = Math.floor(200 * 100 ** random());
  return 'The quick brown fox jumps over the lazy dog. '.repeat(Math.ceil(bytes / 45)).slice(0, bytes);
}

const headers = [
  ...[
    'ctype',
    'dirent',
    'errno',
    'fcntl',
    'getopt',
    'glob',
    'grp',
    'inttypes',
    'limits',
    'locale',
    'math',
    'netdb',
    'poll',
    'pthread',
  ],
  ...[
    'pwd',
    'regex',
    'sched',
    'search',
    'semaphore',
    'setjmp',
    'signal',
    'spawn',
    'stdint',
    'stdio',
    'stdlib',
    'string',
    'strings',
  ],
  ...[
    'sys/epoll',
    'sys/ioctl',
    'sys/mman',
    'sys/mount',
    'sys/resource',
    'sys/socket',
    'sys/stat',
    'sys/statvfs',
    'sys/time',
    'sys/types',
  ],
  ...['sys/uio', 'sys/un', 'sys/wait', 'syslog', 'termios', 'time', 'unistd', 'wchar', 'wctype', 'netinet/in', 'arpa/inet'],
];

function source(index: number): string {
  const includes = headers.map((header) => `#include <${header}.h>\n`).join('');
  const functions = Array.from(
    { length: 40 },
    (_, i) => `int f${index}_${i}(const char *s, int n) { int h = ${i}; while (n-- > 0) h = h * 31 + s[n]; return h; }\n`,
  );
  return includes + functions.join('');
}
