/** `WWW-Authenticate` (RFC 9110, 11.6.1; distribution's token.md): which scheme a registry wants, and where its tokens are given out. */

export interface Challenge {
  /** Lower-case: `basic`, `bearer`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** One word, a quoted text (backslashes escape), or what parts them. */
const tokenPattern = /\s*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"((?:[^"\\]|\\.)*)"?|([=,])|([^\s]))/y;

interface Piece {
  readonly kind: 'word' | 'text' | '=' | ',' | 'other';
  readonly text: string;
}

/** All challenges of all such headers, in order; what is malformed is passed over. */
export function parseChallenges(headers: readonly string[]): Challenge[] {
  return headers.flatMap((header) => challengesIn(piecesOf(header.slice(0, 64 * 1024))));
}

function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  tokenPattern.lastIndex = 0;
  for (let match = tokenPattern.exec(text); match !== null; match = tokenPattern.exec(text)) {
    const [, word, quoted, mark, other] = match;
    if (word !== undefined) pieces.push({ kind: 'word', text: word });
    else if (quoted !== undefined) pieces.push({ kind: 'text', text: quoted.replaceAll(/\\(.)/g, '$1') });
    else if (mark !== undefined) pieces.push({ kind: mark === '=' ? '=' : ',', text: mark });
    else pieces.push({ kind: 'other', text: other ?? '' });
  }
  return pieces;
}

/** A word with `=` behind it is a parameter; one without begins a challenge. */
function challengesIn(pieces: readonly Piece[]): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  for (let at = 0; at < pieces.length; at++) {
    const piece = pieces[at]!;
    if (piece.kind !== 'word') continue;
    if (pieces[at + 1]?.kind !== '=') {
      challenges.push({ scheme: piece.text.toLowerCase(), parameters: new Map() });
      continue;
    }
    // An unquoted address (a habit of some registries) falls into several pieces: up to the next comma.
    let value = '';
    for (at += 2; at < pieces.length && pieces[at]!.kind !== ','; at++) value += pieces[at]!.text;
    const current = challenges.at(-1);
    if (current !== undefined && !current.parameters.has(piece.text.toLowerCase()))
      current.parameters.set(piece.text.toLowerCase(), value);
  }
  return challenges;
}
