/** The words of a Dockerfile instruction: quotes, backslashes and variables, as BuildKit's shell lexer takes them. */

/** `text` split at blanks outside quotes, quotes removed, variables of `env` (`KEY=value`) put in outside single quotes. */
export function dockerWords(text: string, env: readonly string[]): string[] {
  return new Lexer(text, env).words();
}

/** The same without the splitting: blanks stay. */
export function expandText(text: string, env: readonly string[]): string {
  return new Lexer(text, env).rest();
}

class Lexer {
  private at = 0;

  constructor(
    private readonly text: string,
    private readonly env: readonly string[],
  ) {}

  words(): string[] {
    const words: string[] = [];
    while (this.at < this.text.length) {
      if (isBlank(this.text[this.at])) this.at++;
      else words.push(this.take((character) => isBlank(character)));
    }
    return words;
  }

  rest(): string {
    return this.take(() => false);
  }

  /** Up to a character outside quotes at which `ends`. */
  private take(ends: (character: string) => boolean): string {
    let taken = '';
    let quote: string | undefined;
    for (; this.at < this.text.length; this.at++) {
      const character = this.text[this.at]!; // within the text
      if (quote === undefined && ends(character)) break;
      if (character === quote) quote = undefined;
      else if (quote === undefined && (character === '"' || character === "'")) quote = character;
      else if (character === '\\' && quote !== "'" && this.at + 1 < this.text.length) taken += this.escaped(quote);
      else if (character === '$' && quote !== "'") taken += this.variable();
      else taken += character;
    }
    return taken;
  }

  /** In double quotes a backslash is one, unless it stands before a character that it takes the meaning from. */
  private escaped(quote: string | undefined): string {
    const next = this.text[++this.at]!; // the caller saw that there is one
    return quote === '"' && !'"$\\'.includes(next) ? `\\${next}` : next;
  }

  /** `$KEY`, `${KEY}`, `${KEY:-word}`, `${KEY:+word}`; a lone `$` stays. Leaves `at` on the last character taken. */
  private variable(): string {
    const match = /^\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::([-+])([^}]*))?\})/.exec(this.text.slice(this.at));
    if (match === null) return '$';
    const [whole, plain, braced, operator, word = ''] = match;
    this.at += whole.length - 1;
    const value = this.valueOf(plain ?? braced ?? '');
    if (operator === '-') return value === '' ? word : value;
    return operator === '+' && value !== '' ? word : operator === '+' ? '' : value;
  }

  private valueOf(key: string): string {
    const found = this.env.findLast((item) => item.startsWith(`${key}=`));
    return found === undefined ? '' : found.slice(key.length + 1);
  }
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}
