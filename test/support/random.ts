/** Random layers and operations from a seed, for the model test: few names, so that operations meet. */

/** Numbers from a seed (mulberry32). */
export class Random {
  constructor(private state: number) {}

  /** 0 <= result < below. */
  below(below: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  }

  pick<T>(list: readonly T[]): T {
    // `below` stays inside the list, which is never empty here.
    return list[this.below(list.length)] as T;
  }
}

const names = ['a', 'b', 'c', 'd', '\\xff'];
const modes = ['0600', '0644', '0755', '0711'];

function path(random: Random, depth = 1 + random.below(3)): string {
  return Array.from({ length: depth }, () => random.pick(names)).join('/');
}

function data(random: Random): string {
  return random.below(8) === 0
    ? `pattern:${random.below(100)}:${random.below(20000)}`
    : `"${random.pick(['x', 'yy', 'some text', 'zzz'])}${random.below(100)}"`;
}

export interface LayerStyle {
  hasMarkers?: boolean;
  /** Whiteouts below the root too: the kernel lists them where nothing is merged. */
  hasDeepWhiteouts?: boolean;
  hasLinks?: boolean;
}

/** A tree for a layer: a directory or an object for some paths. */
export function randomLayer(
  random: Random,
  { hasMarkers = false, hasDeepWhiteouts = false, hasLinks = false }: LayerStyle,
): string {
  const lines: string[] = [];
  const visit = (at: string, depth: number) => {
    for (const name of names) {
      const here = at === '' ? name : `${at}/${name}`;
      switch (random.below(9)) {
        case 0:
        case 1:
        case 2:
          lines.push(`dir ${here} ${random.pick(modes)} uid=${random.below(3)}`);
          if (hasMarkers && random.below(4) === 0) lines.push(`opaque ${here}`);
          if (depth < 3) visit(here, depth + 1);
          break;
        case 3:
        case 4:
          lines.push(`file ${here} ${random.pick(modes)} xattr:trusted.k=${random.below(9)} = content ${random.below(100)}`);
          if (hasLinks && random.below(2) === 0) {
            // Names that no other layer has: which names of a link a directory layer hides is not counted in nlink.
            const link = `${at === '' ? '' : `${at}/`}l${random.below(100000)}`;
            lines.push(`file ${link} ${random.pick(modes)} = linked ${random.below(100)}`, `link ${link}b -> ${link}`);
          }
          break;
        case 5:
          lines.push(`symlink ${here} -> /nowhere/${random.below(9)}`);
          break;
        case 6:
          if (hasMarkers && (depth === 1 || hasDeepWhiteouts)) lines.push(`whiteout ${here}`);
          else lines.push(`file ${here} pattern=${random.below(9)}:${random.below(9000)}`);
          break;
        default:
      }
    }
  };
  visit('', 1);
  return [...new Set(lines)].join('; ');
}

/** Rows by how often they come; `o` picks a path that is likely to be there, `n` any. */
const rows: readonly ((r: Random, o: () => string, n: () => string) => string)[] = [
  (r, _o, n) => `put ${n()} ${data(r)}`,
  (r, o) => `put ${o()} ${data(r)}`,
  (r, o) => `write ${o()} ${data(r)} ${r.below(300)}`,
  (r, o) => `append ${o()} ${data(r)}`,
  (r, o) => `truncate ${o()} ${r.below(5000)}`,
  (_r, o) => `read ${o()}`,
  (_r, o) => `read ${o()}`,
  (_r, o) => `ls ${o()}`,
  (_r, o) => `readlink ${o()}`,
  (_r, _o, n) => `mkdir ${n()}`,
  (_r, _o, n) => `mkdir ${n()}`,
  (_r, _o, n) => `mkdir ${n()}`,
  (r, _o, n) => `symlink /nowhere/${r.below(9)} ${n()}`,
  (_r, _o, n) => `mknod ${n()} sock`,
  (_r, o, n) => `link ${o()} ${n()}`,
  (_r, o, n) => `link ${o()} ${n()}`,
  (_r, o) => `unlink ${o()}`,
  (_r, o) => `unlink ${o()}`,
  (_r, o) => `rmdir ${o()}`,
  (_r, o) => `rmtree ${o()}`,
  (_r, o, n) => `rename ${o()} ${n()}`,
  (_r, o, n) => `rename ${o()} ${n()}`,
  (_r, o, n) => `rename ${o()} ${n()}`,
  (_r, o, n) => `rename ${o()} ${n()} noreplace`,
  (_r, o) => `rename ${o()} ${o()} exchange`,
  (r, o) => `chmod ${o()} ${r.pick(modes)}`,
  (r, o) => `chown ${o()} ${r.below(3)}:${r.below(3)}`,
  (r, o) => `setx ${o()} trusted.${r.pick(['k', 'm'])} ${data(r).startsWith('p') ? '"v"' : `"${r.below(100)}"`}`,
  (_r, o) => `getx ${o()} trusted.k`,
  (r, o) => `rmx ${o()} trusted.${r.pick(['k', 'm'])}`,
  (_r, o) => `stat ${o()}`,
];

/** The next operation, on a view that has `paths`. */
export function randomOperation(random: Random, paths: readonly string[]): string {
  return random.pick(rows)(
    random,
    () => likely(random, paths),
    () => (random.below(3) === 0 ? likely(random, paths) : path(random)),
  );
}

function likely(random: Random, paths: readonly string[]): string {
  return paths.length > 0 && random.below(4) > 0 ? random.pick(paths) : path(random);
}

/** An operation on one of three handles; `isOpen` says which are open. */
export function randomHandleOperation(random: Random, paths: readonly string[], isOpen: (handle: string) => boolean): string {
  const handle = `h${random.below(3)}`;
  if (!isOpen(handle)) return `${handle} = open ${likely(random, paths)} ${random.pick(['r', 'rw'])}`;
  return random.pick([
    `pread ${handle} ${random.below(50)}`,
    `pread ${handle} 0`,
    `pwrite ${handle} ${random.below(300)} ${data(random)}`,
    `close ${handle}`,
  ]);
}
