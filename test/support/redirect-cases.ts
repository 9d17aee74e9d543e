/** Redirects through several layers and several renames, and hard links whose names lie behind them: layers, operations, the view. */

export interface RedirectCase {
  name: string;
  lower: readonly string[];
  upper?: string;
  /** The kernel does not read what the layers hold. */
  isForeign?: true;
  run?: string;
  /** Absent where both files show the inode number of their one original. */
  view?: string;
}

export const redirectCases: readonly RedirectCase[] = [
  {
    name: 'a directory below a redirected directory of a middle layer is found when it is moved on',
    lower: ['dir b; redirect b -> /a; file b/mid = M; whiteout a', 'dir a; dir a/sub; file a/sub/f = F; file a/base = B'],
    run: 'ls b/sub -> f\nrename b/sub s\nrename b c\nput s/new "n"\nput c/new "n"',
    view: 'dir c; file c/mid = M; file c/base = B; file c/new = n; dir s; file s/f = F; file s/new = n',
  },
  {
    name: 'a relative redirect in a middle layer names the directory in the lower parent',
    lower: ['dir p; dir p/b; redirect p/b -> a; whiteout p/a', 'dir p; dir p/a; dir p/a/sub; file p/a/sub/f = F'],
    run: 'rename p/b/sub s\nrename p q\nput q/b/x "x"',
    view: 'dir q; dir q/b; file q/b/x = x; dir s; file s/f = F',
  },
  {
    name: 'a redirect to a path that a middle layer hides ends there',
    lower: ['whiteout a', 'dir a; file a/f = F'],
    upper: 'dir c; redirect c -> /a; file c/own = O',
    view: 'dir c; file c/own = O',
  },
  {
    name: 'a redirect to a path that is opaque in a middle layer shows that layer and none below',
    lower: ['dir a; opaque a; file a/m = M', 'dir a; file a/f = F'],
    upper: 'dir c; redirect c -> /a; whiteout a',
    view: 'dir c; file c/m = M',
  },
  {
    name: 'a redirect through a directory that is opaque in a middle layer does not reach below it',
    lower: ['dir a; opaque a; dir a/s', 'dir a; dir a/s; file a/s/f = F'],
    upper: 'dir c; redirect c -> /a/s; whiteout a/s',
    view: 'dir a; dir c',
  },
  {
    isForeign: true,
    name: 'a .wh. file beside an entry of its layer does not hide the entry from a redirect',
    lower: ['dir p; dir p/x; file p/x/m = M; file p/.wh.x', 'dir p; dir p/x; file p/x/f = F'],
    upper: 'dir c; redirect c -> /p/x; whiteout p',
    view: 'dir c; file c/m = M',
  },
  {
    name: 'a renamed directory is renamed again, and so is its parent',
    lower: ['dir a; dir a/b; dir a/b/c; file a/b/c/f = F; file a/x = X'],
    run: `rename a/b/c a/b/d\nrename a/b a/e\nrename a g\nput g/e/d/new "n"\nrename g/e/d top\nremount
      rename top/f g/f\nmkdir a\nrename g/e a/b\nrename top a/b/c`,
    view: 'dir a; dir a/b; dir a/b/c; file a/b/c/new = n; dir g; file g/f = F; file g/x = X',
  },
  {
    name: 'merged directories change places, twice, and change places with a file',
    lower: ['dir a; file a/1 = 1; dir b; file b/2 = 2; file f = F; dir a/s; file a/s/3 = 3'],
    upper: 'dir b; file b/up = U',
    run: 'rename a b exchange\nput a/new "n"\nrename a/2 b/2\nremount\nrename b/s a exchange\nrename f b exchange',
    view: 'dir f; file f/1 = 1; file f/2 = 2; dir f/s; file f/s/new = n; file f/s/up = U; dir a; file a/3 = 3; file b = F',
  },
  {
    name: 'names of one lower file stay one file when one of them lies in a renamed directory',
    lower: ['dir d; file d/a = A; link d/s/a2 -> d/a; link b -> d/a'],
    run: 'rename d e\nappend b "1"\nread e/a -> "A1"\nread e/s/a2 -> "A1"\nget b nlink -> 3\nunlink e/a\nget b nlink -> 2',
    view: 'dir e; dir e/s; file b = A1; link e/s/a2 -> b',
  },
  {
    name: 'a name that cannot be found from a changed file stays a file of its own, and can be changed and removed',
    lower: ['dir m; redirect m -> /d; whiteout d', 'dir d; file d/a = A; link b -> d/a; link d/c -> d/a'],
    run: 'append b "1"\nappend m/a "2"\nread b -> "A1"\nread m/a -> "A2"\nunlink m/c\nls m -> a\nremount\nread b -> "A1"\nread m/a -> "A2"\nls m -> a',
  },
  {
    name: 'one name of a file is changed when others are hidden by a whiteout or by an opaque directory',
    lower: ['whiteout w; dir o; opaque o; file o/own', 'file w = W; link a -> w; link o/l -> w; link b -> w'],
    run: 'append a "1"\nread b -> "W1"\nget a nlink -> 2\nls o -> own',
    view: 'file a = W1; link b -> a; dir o; file o/own',
  },
  {
    name: 'names of 252 bytes and more are found behind redirects',
    lower: [`dir d; dir d/${'n'.repeat(252)}; file d/${'n'.repeat(252)}/f = F`],
    run: `rename d e\nrename e/${'n'.repeat(252)} short\nls short -> f`,
    view: 'dir e; dir short; file short/f = F',
  },
  {
    name: 'a redirect to a name of 252 bytes',
    lower: [`dir ${'n'.repeat(252)}; file ${'n'.repeat(252)}/f = F`],
    run: `rename ${'n'.repeat(252)} short\nput short/x "x"`,
    view: 'dir short; file short/f = F; file short/x = x',
  },
];
