/** Cuts a template into items: text, and the words of the actions between {{ and }} (Go's text/template/parse/lex.go). */

export type ItemKind =
  | 'error'
  | 'EOF'
  | 'text'
  | 'left'
  | 'right'
  | 'space'
  | 'field'
  | 'variable'
  | 'identifier'
  | 'keyword'
  | 'dot'
  | 'nil'
  | 'bool'
  | 'number'
  | 'character'
  | 'string'
  | 'pipe'
  | 'declare'
  | 'assign'
  | '('
  | ')'
  | 'char';

export interface Item {
  readonly kind: ItemKind;
  /** Of an error: what is wrong. */
  readonly text: string;
  readonly position: number;
  readonly line: number;
}

const keywords = new Set(['block', 'break', 'continue', 'define', 'else', 'end', 'if', 'range', 'template', 'with']);
const words = /[\p{L}\p{Nd}_]*/uy;
const spaces = /[ \t\r\n]+/y;
const numbers =
  /[+-]?(?:0[xX][0-9a-fA-F_]*\.?[0-9a-fA-F_]*(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*\.?[0-7_]*|0[bB][01_]*\.?[01_]*|[0-9_]*\.?[0-9_]*(?:[eE][+-]?[0-9_]*)?)i?/y;
/** With no newline in it, also not after a backslash. */
const quoted = { '"': /"(?:[^"\\\n]|\\[^\n])*"/y, "'": /'(?:[^'\\\n]|\\[^\n])*'/y };
const signs: Readonly<Record<string, ItemKind>> = { '|': 'pipe', '=': 'assign', '(': '(', ')': ')' };

/** Every item of the template; the last is EOF or an error. */
export function itemsOf(template: string): Item[] {
  const lexer = new Lexer(template);
  lexer.run();
  return lexer.items;
}

class Lexer {
  readonly items: Item[] = [];
  #at = 0;
  #line = 1;
  #depth = 0;

  constructor(readonly template: string) {}

  run(): void {
    while (this.#text()) {
      while (this.#word());
    }
  }

  /** A text and the {{ after it, or a comment; false at the end. */
  #text(): boolean {
    const { template } = this;
    const open = template.indexOf('{{', this.#at);
    const end = open < 0 ? template.length : open;
    const isTrimmed = open >= 0 && /^-[ \t\r\n]/.test(template.slice(open + 2, open + 4));
    const text = template.slice(this.#at, end);
    const kept = isTrimmed ? text.replace(/[ \t\r\n]+$/, '') : text;
    if (kept !== '') this.#emit('text', kept);
    this.#skip(text.length - kept.length);
    if (open < 0) return this.#last('EOF', '');
    const marker = isTrimmed ? 2 : 0;
    if (template.startsWith('/*', open + 2 + marker)) return this.#comment(open + 2 + marker);
    this.#emit('left', '{{');
    this.#skip(marker);
    this.#depth = 0;
    return true;
  }

  #comment(from: number): boolean {
    this.#skip(from - this.#at);
    const end = this.template.indexOf('*/', from + 2);
    if (end < 0) return this.#last('error', 'unclosed comment');
    this.#skip(end + 2 - from);
    const close = this.#rightDelimiter();
    if (close === undefined) return this.#last('error', 'comment ends before closing delimiter');
    this.#skip(close.length);
    if (close.length > 2) this.#skipSpaces();
    return this.#text();
  }

  /** `}}` or ` -}}` where one stands here. */
  #rightDelimiter(): string | undefined {
    return /^(?:[ \t\r\n]-)?\}\}/.exec(this.template.slice(this.#at, this.#at + 4))?.[0];
  }

  /** One item of an action; false after its end. */
  #word(): boolean {
    const close = this.#rightDelimiter();
    if (close !== undefined) {
      if (this.#depth > 0) return this.#last('error', 'unclosed left paren');
      this.#skip(close.length - 2);
      this.#emit('right', '}}');
      if (close.length > 2) this.#skipSpaces();
      return false;
    }
    const next = this.template[this.#at];
    if (next === undefined) return this.#last('error', 'unclosed action');
    const space = this.#match(spaces);
    if (space !== '')
      return this.#emit(
        'space',
        /^[ \t\r\n]-\}\}/.test(space.at(-1) + this.#after(space, 3)) && space.length > 1 ? space.slice(0, -1) : space,
      );
    if (next === '"' || next === "'") return this.#quote(next);
    if (next === '`') return this.#rawQuote();
    if (next === ':') return this.#pair();
    if (next === '.' && !/[0-9]/.test(this.template[this.#at + 1] ?? '')) return this.#name('field', 'dot');
    if (next === '$') return this.#name('variable', 'variable');
    if (/[+\-.0-9]/.test(next)) return this.#number();
    if (this.#match(words) !== '') return this.#identifier();
    return this.#sign(next);
  }

  #after(text: string, length: number): string {
    return this.template.slice(this.#at + text.length, this.#at + text.length + length);
  }

  #quote(mark: '"' | "'"): boolean {
    const text = this.#match(quoted[mark]);
    if (text !== '') return this.#emit(mark === '"' ? 'string' : 'character', text);
    return this.#last('error', mark === '"' ? 'unterminated quoted string' : 'unterminated character constant');
  }

  #rawQuote(): boolean {
    const end = this.template.indexOf('`', this.#at + 1);
    if (end < 0) return this.#last('error', 'unterminated raw quoted string');
    return this.#emit('string', this.template.slice(this.#at, end + 1));
  }

  #pair(): boolean {
    return this.template[this.#at + 1] === '=' ? this.#emit('declare', ':=') : this.#last('error', 'expected :=');
  }

  #name(kind: 'field' | 'variable', alone: ItemKind): boolean {
    words.lastIndex = this.#at + 1;
    const word = this.template[this.#at] + (words.exec(this.template)?.[0] ?? '');
    return this.#terminated(word) ?? this.#emit(word.length === 1 ? alone : kind, word);
  }

  #identifier(): boolean {
    const word = this.#match(words);
    const kind = keywords.has(word)
      ? 'keyword'
      : word === 'true' || word === 'false'
        ? 'bool'
        : word === 'nil'
          ? 'nil'
          : 'identifier';
    return this.#terminated(word) ?? this.#emit(kind, word);
  }

  /** What may follow a name; anything else is an error, as `$x+2`. */
  #terminated(word: string): boolean | undefined {
    const rest = this.template.slice(this.#at + word.length);
    if (rest === '' || /^(?:[ \t\r\n.,|:()]|\}\})/.test(rest)) return undefined;
    return this.#last('error', `bad character ${unicodeText(rest)}`);
  }

  #number(): boolean {
    const text = this.#match(numbers);
    const rest = this.template.slice(this.#at + text.length);
    const bad = /^(?:[\p{L}\p{Nd}_]|[+-])/u.exec(rest)?.[0];
    return bad === undefined ? this.#emit('number', text) : this.#last('error', `bad number syntax: "${text}${bad}"`);
  }

  #sign(sign: string): boolean {
    if (sign === '(') this.#depth++;
    if (sign === ')' && --this.#depth < 0) {
      this.#emit(')', sign);
      return this.#last('error', "unexpected right paren U+0029 ')'");
    }
    if (/[^!-~]/.test(sign)) {
      return this.#last('error', `unrecognized character in action: ${unicodeText(this.template.slice(this.#at))}`);
    }
    return this.#emit(signs[sign] ?? 'char', sign);
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.template)?.[0] ?? '';
  }

  #emit(kind: ItemKind, text: string): boolean {
    this.items.push({ kind, text, position: this.#at, line: this.#line });
    this.#skip(text.length);
    return true;
  }

  #last(kind: 'error' | 'EOF', text: string): false {
    this.items.push({ kind, text, position: this.#at, line: this.#line });
    this.#at = this.template.length;
    return false;
  }

  #skipSpaces(): void {
    this.#skip(this.#match(spaces).length);
  }

  #skip(length: number): void {
    this.#line += this.template.slice(this.#at, this.#at + length).split('\n').length - 1;
    this.#at += length;
  }
}

/** `U+002B '+'`. */
function unicodeText(text: string): string {
  const code = text.codePointAt(0) ?? 0;
  const shown = /^[\p{Cc}\p{Cs}\p{Co}\p{Cn}]/u.test(text) ? '' : ` '${String.fromCodePoint(code)}'`;
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}${shown}`;
}

/** How Go's messages name an item. */
export function itemText({ kind, text }: Item): string {
  if (kind === 'EOF') return 'EOF';
  if (kind === 'keyword' || kind === 'dot' || kind === 'nil') return `<${text}>`;
  return [...text].length > 10 ? `${JSON.stringify([...text].slice(0, 10).join(''))}...` : JSON.stringify(text);
}

export function isKeyword(item: Item, word: string): boolean {
  return item.kind === 'keyword' && item.text === word;
}
