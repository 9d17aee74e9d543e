/** fnmatch(3) without flags, as find -name uses it: `*`, `?`, `[a-z]`, `[!a-z]`, `[[:digit:]]`, and `\` takes a character as it is. */

/** Fits whole names. What is no class, such as a single `[`, means itself; a range that runs backwards holds nothing. */
export function fnmatchPattern(glob: string): RegExp {
  let source = '';
  for (let at = 0; at < glob.length; ) {
    const part = classAt(glob, at) ?? plainAt(glob, at);
    source += part.source;
    at += part.length;
  }
  return new RegExp(`^${source}$`, 's');
}

interface Part {
  readonly source: string;
  readonly length: number;
}

const kinds: Readonly<Record<string, string>> = {
  alnum: 'a-zA-Z0-9',
  alpha: 'a-zA-Z',
  blank: ' \\t',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\t-\\r ',
  upper: 'A-Z',
  xdigit: '0-9a-fA-F',
};

function plainAt(glob: string, at: number): Part {
  const letter = glob[at]!; // within
  if (letter === '*') return { source: '.*', length: 1 };
  if (letter === '?') return { source: '.', length: 1 };
  if (letter === '\\' && at + 1 < glob.length) return { source: quoted(glob[at + 1]!), length: 2 };
  return { source: quoted(letter), length: 1 };
}

function classAt(glob: string, start: number): Part | undefined {
  if (glob[start] !== '[') return undefined;
  const isNot = glob[start + 1] === '!' || glob[start + 1] === '^';
  const first = start + (isNot ? 2 : 1);
  let held = '';
  for (let at = first; at < glob.length; ) {
    if (glob[at] === ']' && at > first) {
      const source = held === '' ? (isNot ? '.' : '(?!)') : `[${isNot ? '^' : ''}${held}]`;
      return { source, length: at + 1 - start };
    }
    const [all, kind] = /^\[:([a-z]+):\]/.exec(glob.slice(at)) ?? [];
    if (all !== undefined && kind !== undefined) {
      held += kinds[kind] ?? '';
      at += all.length;
      continue;
    }
    const low = letterAt(glob, at);
    at += low.length;
    const isRange = glob[at] === '-' && at + 1 < glob.length && glob[at + 1] !== ']';
    const high = isRange ? letterAt(glob, at + 1) : low;
    if (isRange) at += 1 + high.length;
    if (low.source <= high.source) held += `${quoted(low.source)}-${quoted(high.source)}`;
  }
  return undefined;
}

function letterAt(glob: string, at: number): Part {
  const isQuoted = glob[at] === '\\' && at + 1 < glob.length;
  return { source: glob[isQuoted ? at + 1 : at]!, length: isQuoted ? 2 : 1 }; // within
}

function quoted(letter: string): string {
  return /\w/.test(letter) ? letter : `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
