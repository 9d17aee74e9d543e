/** Go's path.Match, by which docker compares references: `*` and `?` stop at a slash, `[a-z]` and `[^a-z]` are classes, `\` takes a
 *  character as it is. */

/** undefined where the pattern is malformed. */
export function pathPattern(pattern: string): RegExp | undefined {
  let source = '';
  for (let at = 0; at < pattern.length; ) {
    const part = classAt(pattern, at) ?? plainAt(pattern, at);
    if (part === undefined) return undefined;
    source += part.source;
    at += part.length;
  }
  return new RegExp(`^${source}$`, 'su');
}

interface Part {
  readonly source: string;
  readonly length: number;
}

function plainAt(pattern: string, at: number): Part | undefined {
  const letter = String.fromCodePoint(pattern.codePointAt(at) ?? 0);
  if (letter === '*') return { source: '[^/]*', length: 1 };
  if (letter === '?') return { source: '[^/]', length: 1 };
  if (letter === '[') return undefined;
  if (letter !== '\\') return { source: quoted(letter), length: letter.length };
  const next = pattern.codePointAt(at + 1);
  if (next === undefined) return undefined;
  const taken = String.fromCodePoint(next);
  return { source: quoted(taken), length: 1 + taken.length };
}

function classAt(pattern: string, at: number): Part | undefined {
  const one = String.raw`(?:\\.|[^\\\]-])`;
  const [all, not, ranges = ''] = new RegExp(String.raw`^\[(\^?)((?:${one}(?:-${one})?)+)\]`, 'su').exec(pattern.slice(at)) ?? [];
  if (all === undefined) return undefined;
  const parts = [...ranges.matchAll(/(\\.|[^\\])(?:-(\\.|[^\\]))?/gsu)].map(
    ([, low = '', high = low]) => [bare(low), bare(high)] as const,
  );
  // A range that runs backwards holds nothing.
  const held = parts.filter(([low, high]) => low <= high).map(([low, high]) => `${quoted(low)}-${quoted(high)}`);
  return { source: held.length > 0 ? `[${not}${held.join('')}]` : not === '' ? '(?!)' : '.', length: all.length };
}

function bare(letter: string): string {
  return letter.length > 1 && letter.startsWith('\\') ? letter.slice(1) : letter;
}

function quoted(letter: string): string {
  return /[\p{L}\p{N}_]/u.test(letter) ? letter : `\\u{${(letter.codePointAt(0) ?? 0).toString(16)}}`;
}
