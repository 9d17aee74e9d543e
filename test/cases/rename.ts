/** rename: a table of what is renamed over what, with each flag, and the cases that need a story. */

import { unsupported } from '../../src/fuse/libfuse/unsupported.js';
import type { Case } from '../support/case.js';

/** What a source or a target may be: its lines for the lower and the upper tree, with `@` for its path. */
interface Piece {
  name: string;
  kind: 'file' | 'dir' | 'none';
  isEmpty?: boolean;
  lower?: string;
  upper?: string;
}

const files: readonly Piece[] = [
  { name: 'lower file', kind: 'file', lower: 'file @ = lower' },
  { name: 'upper file', kind: 'file', upper: 'file @ = upper' },
  { name: 'covering file', kind: 'file', lower: 'file @ = covered', upper: 'file @ = covering' },
];

const directories: readonly Piece[] = [
  { name: 'lower directory', kind: 'dir', lower: 'dir @; file @/low = 1' },
  { name: 'upper directory', kind: 'dir', upper: 'dir @; file @/up = 2' },
  {
    name: 'merged directory',
    kind: 'dir',
    lower: 'dir @; file @/low = 3; file @/gone',
    upper: 'dir @; file @/up = 4; whiteout @/gone',
  },
  { name: 'opaque directory', kind: 'dir', lower: 'dir @; file @/low', upper: 'opaque @; file @/up = 5' },
  { name: 'empty lower directory', kind: 'dir', isEmpty: true, lower: 'dir @' },
  { name: 'emptied merged directory', kind: 'dir', isEmpty: true, lower: 'dir @; file @/low', upper: 'dir @; whiteout @/low' },
];

const nothing: readonly Piece[] = [
  { name: 'nothing', kind: 'none' },
  { name: 'whiteout', kind: 'none', lower: 'file @ = hidden', upper: 'whiteout @' },
  { name: 'whiteout of a directory', kind: 'none', lower: 'dir @; file @/low = hidden', upper: 'whiteout @' },
];

/** What the view shows of a piece at `path`. */
function shown(piece: Piece, path: string): string[] {
  if (piece.kind === 'none') return [];
  if (piece.kind === 'file') return [(piece.upper ?? piece.lower ?? '').replaceAll('@', path)];
  const lines = [`dir ${path}`];
  const low = piece.name === 'opaque directory' ? undefined : /file @\/low( = \d)?/.exec(piece.lower ?? '')?.[0];
  const up = /file @\/up( = \d)?/.exec(piece.upper ?? '')?.[0];
  if (!piece.isEmpty) for (const line of [low, up]) if (line !== undefined) lines.push(line.replaceAll('@', path));
  return lines;
}

/** rename(2)'s answer for a flag: undefined is success. */
function refusal(source: Piece, target: Piece, flag: string): string | undefined {
  if (flag === 'exchange') return target.kind === 'none' ? 'ENOENT' : undefined;
  if (target.kind === 'none') return undefined;
  if (flag === 'noreplace') return 'EEXIST';
  if (source.kind === 'dir' && target.kind === 'file') return 'ENOTDIR';
  if (source.kind === 'file' && target.kind === 'dir') return 'EISDIR';
  return target.kind === 'dir' && !target.isEmpty ? 'ENOTEMPTY' : undefined;
}

/** One case for each flag: every pair in its own directory of one view. */
function tableOf(flag: '' | 'noreplace' | 'exchange'): Case {
  const lower: string[] = [];
  const upper: string[] = [];
  const run: string[] = [];
  const view: string[] = [];
  let number = 0;
  for (const source of [...files, ...directories]) {
    for (const target of [...nothing, ...files, ...directories]) {
      const here = `r${String(++number).padStart(3, '0')}`;
      for (const [piece, path] of [
        [source, `${here}/source`],
        [target, `${here}/target`],
      ] as const) {
        lower.push(`dir ${here}`, (piece.lower ?? '').replaceAll('@', path));
        upper.push(`dir ${here}`, (piece.upper ?? '').replaceAll('@', path));
      }
      const errno = refusal(source, target, flag);
      run.push(
        `# ${source.name} over ${target.name}`,
        `rename ${here}/source ${here}/target ${flag}${errno === undefined ? '' : ` -> ${errno}`}`,
      );
      view.push(`dir ${here}`);
      const [at, other] = errno === undefined ? ['target', 'source'] : ['source', 'target'];
      view.push(...shown(source, `${here}/${at}`));
      if (errno !== undefined || flag === 'exchange') view.push(...shown(target, `${here}/${other}`));
    }
  }
  return {
    name: `OV-39 rename of every kind of object over every kind${flag === '' ? '' : ` with ${flag}`}`,
    lower: [lower.join('; ')],
    upper: [...new Set(upper)].join('; '),
    run: run.join('\n'),
    view: [...new Set(view)].join('; '),
    ...(flag === '' ? {} : { differs: { 'fuse-native': unsupported.renameFlags.reason } }),
  };
}

export const renameCases: readonly Case[] = [
  tableOf(''),
  tableOf('noreplace'),
  tableOf('exchange'),
  {
    name: 'OV-9 renaming a lower directory writes the redirect of the kernel and moves no file',
    lower: ['dir d 0711 uid=4 xattr:user.k=v mtime=77; dir d/s; file d/s/f = deep; file d/g; dir p'],
    run: 'rename d p/e\nread p/e/s/f -> "deep"\nstat d -> ENOENT\nget p/e mode -> 0711\nget p/e mtime -> 77\nrename p/e/s t\nread t/f -> "deep"',
    view: 'dir p; dir p/e 0711 uid=4 xattr:user.k=v; dir t; file t/f = deep; file p/e/g',
    upperAfter:
      'whiteout d; dir p; dir p/e 0711 uid=4 xattr:user.k=v; redirect p/e -> /d; whiteout p/e/s; dir t; redirect t -> /d/s',
  },
  {
    name: 'OV-9 renaming a lower directory and one below it in their places',
    lower: ['dir d 0700; dir d/s; file d/s/f = deep; file d/g'],
    run: 'rename d e\nrename e/s e/t\nread e/t/f -> "deep"',
    view: 'dir e 0700; dir e/t; file e/t/f = deep; file e/g',
  },
  {
    name: 'OV-9 renaming a merged directory into another keeps both parts, with an absolute redirect',
    lower: ['dir a; dir a/d; file a/d/low = 1; dir b'],
    upper: 'dir a; dir a/d; file a/d/up = 2',
    run: 'rename a/d b/e\nls b/e -> low up\nstat a/d -> ENOENT',
    view: 'dir a; dir b; dir b/e; file b/e/low = 1; file b/e/up = 2',
    upperAfter: 'dir a; whiteout a/d; dir b; dir b/e; redirect b/e -> /a/d; file b/e/up = 2',
  },
  {
    name: 'OV-9 a directory renamed twice, there and back, and changed meanwhile',
    lower: ['dir d; file d/a = 1; dir p'],
    run: 'rename d e\nput e/b "2"\nrename e p/f\nunlink p/f/a\nrename p/f d\nls d -> b\nremount\nls d -> b\nmkdir e\nls e -> ',
    view: 'dir d; file d/b = 2; dir p; dir e',
  },
  {
    name: 'OV-9 a new directory in the place of a renamed one is empty',
    lower: ['dir d; file d/a; dir d/s; file d/s/b'],
    run: 'rename d e\nmkdir d\nls d -> \nput d/a "new"\nmkdir d/s\nread e/s/b -> ""\nremount\nls d/s -> \nread e/a -> ""',
    view: 'dir d; file d/a = new; dir d/s; dir e; file e/a; dir e/s; file e/s/b',
  },
  {
    name: 'OV-9 parents renamed after their children, and read through several layers',
    lower: ['dir a; dir a/b; file a/b/top = t', 'dir a; dir a/b; file a/b/low = l; dir a/b/c; file a/b/c/x = x'],
    run: 'rename a/b/c a/d\nrename a/b n\nrename a m\nremount\nput m/d/y "y"\nrename m/d n/d2\nremount',
    view: 'dir m; dir n; file n/top = t; file n/low = l; dir n/d2; file n/d2/x = x; file n/d2/y = y',
  },
  {
    name: 'OV-10 a rename that needs a redirect longer than the 256 bytes the kernel reads is EXDEV: mv copies then',
    lower: [
      `dir ${'x'.repeat(200)}; dir ${'x'.repeat(200)}/${'y'.repeat(200)}; file ${'x'.repeat(200)}/${'y'.repeat(200)}/f = far; dir t`,
    ],
    run: `rename ${'x'.repeat(200)}/${'y'.repeat(200)} t/z -> EXDEV\nrename ${'x'.repeat(200)} s\nread s/${'y'.repeat(200)}/f -> "far"`,
  },
  {
    name: 'a directory cannot be moved into itself, nor replace its own parent',
    lower: ['dir d; dir d/e; file d/f; dir m'],
    upper: 'dir m; dir m/n',
    run: 'rename d d/e/x -> EINVAL\nrename d/e d -> ENOTEMPTY\nrename m m/n/m -> EINVAL\nrename d d\nrename d/f d/f\nrename d d/e exchange -> EINVAL',
    view: 'dir d; dir d/e; file d/f; dir m; dir m/n',
  },
  {
    name: 'renaming a name over another name of the same file does nothing',
    lower: ['file low = 1'],
    upper: 'file a; link b -> a',
    run: 'rename a b\nlink low low2\nrename low low2\nread low -> "1"',
    view: 'file a; link b -> a; file low = 1; link low2 -> low',
  },
  {
    name: 'RENAME_WHITEOUT is refused: an overlay whose upper lies here could not see the whiteout',
    lower: ['file low = 1; dir d; file d/x'],
    upper: 'file up = 2',
    run: 'rename low l2 whiteout -> EINVAL\nrename up u2 whiteout -> EINVAL\nrename low x whiteout noreplace -> EINVAL',
    view: 'dir d; file d/x; file low = 1; file up = 2',
  },
  {
    name: 'unknown combinations of flags are refused',
    lower: ['file a; file b'],
    run: 'rename a b noreplace exchange -> EINVAL\nrename a b whiteout exchange -> EINVAL',
    view: 'file a; file b',
  },
  {
    name: 'symlinks and special files are renamed as they are',
    lower: ['symlink l uid=3 mtime=7.5 -> target; fifo p 0600; chr c 1:3; sock s; dir d'],
    run: 'rename l d/l\nrename p d/p\nrename c d/c\nrename s d/s\nreadlink d/l -> target',
    view: 'dir d; symlink d/l uid=3 mtime=7.5 -> target; fifo d/p 0600; chr d/c 1:3; sock d/s',
  },
  {
    name: 'a renamed lower file keeps its inode number, its open descriptors and its other names',
    lower: ['file a = 1; dir d'],
    run: 'i = get a ino\nf = open a r\nrename a d/b\nget d/b ino -> $i\npread f 0 -> "1"\nwrite d/b "2"\npread f 0 -> "2"\nclose f\nremount\nget d/b ino -> $i',
    view: 'dir d; file d/b = 2',
  },
  {
    name: 'sticky directories let only the owner of a name rename or remove it',
    lower: ['dir t 01777; file t/root; file t/mine uid=1000 gid=1000; dir d 0777; file d/root'],
    run: `
      su 1000:1000
      rename t/root t/x -> EPERM
      unlink t/root -> EPERM
      rename t/mine t/root -> EPERM
      rename t/mine d/mine
      rename d/mine d/root
      unlink d/root`,
    view: 'dir t 01777; file t/root; dir d 0777',
    needsKernel: true,
  },
];
