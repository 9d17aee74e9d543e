/** From the items of a template to its nodes (Go's text/template/parse/parse.go); `else with` is of Go 1.23. */

import { type Item, type ItemKind, isKeyword, itemsOf, itemText } from './lexer.js';
import { numberLiteral, unquoted } from './literals.js';
import type { Command, Node, Operand, Pipe } from './nodes.js';
import { GoError } from './values.js';

/** The template is not one. The message is in Go's words, with its line. */
export class TemplateSyntaxError extends Error {}

export interface ParsedTemplate {
  readonly nodes: readonly Node[];
  /** Of {{define}} and {{block}}. */
  readonly named: ReadonlyMap<string, readonly Node[]>;
}

/** `hasFunction` tells the functions there are. TemplateSyntaxError. */
export function parseTemplate(template: string, hasFunction: (name: string) => boolean): ParsedTemplate {
  const parser = new Parser(itemsOf(template), hasFunction);
  return { nodes: parser.top(), named: parser.named };
}

/** How a list of nodes ended: by its {{end}}, by {{else}}, by an {{else}} that goes on as another branch. */
type Ending = { readonly kind: 'end' | 'else' | 'else if' | 'else with'; readonly position: number };

const operandKinds: ReadonlySet<ItemKind> = new Set<ItemKind>([
  ...(['bool', 'character', 'dot', 'field', 'identifier', 'number'] as const),
  ...(['nil', 'string', 'variable', '('] as const),
]);
/** What a later command of a pipe cannot be. */
const constants: ReadonlySet<string> = new Set(['bool', 'dot', 'nil', 'number', 'string']);

class Parser {
  readonly named = new Map<string, readonly Node[]>();
  #next = 0;
  #variables = ['$'];
  #ranges = 0;
  /** The line of the action that is being read; 0 outside. */
  #actionLine = 0;

  constructor(
    readonly items: readonly Item[],
    readonly hasFunction: (name: string) => boolean,
  ) {}

  top(): Node[] {
    const nodes: Node[] = [];
    while (this.#peek().kind !== 'EOF') {
      if (this.#definition()) continue;
      const found = this.#node();
      if (isEnding(found)) throw this.#broken(`unexpected ${endingText(found)}`);
      nodes.push(found);
    }
    return nodes;
  }

  /** Takes a {{define "name"}} with its body, where one stands here. */
  #definition(): boolean {
    const from = this.#next;
    if (this.#take().kind !== 'left' || !isKeyword(this.#takeWord(), 'define')) {
      this.#next = from;
      return false;
    }
    const name = this.#templateName('define clause');
    this.#expect('right', 'define clause');
    this.#nested(name, 'define clause');
    return true;
  }

  /** The body of a named template, up to its {{end}}. It sees no variables from outside. */
  #nested(name: string, context: string): void {
    const variables = this.#variables;
    this.#variables = ['$'];
    const { nodes, ending } = this.#list();
    if (ending.kind !== 'end') throw this.#broken(`unexpected ${endingText(ending)} in ${context}`);
    this.#variables = variables;
    this.named.set(name, nodes);
  }

  #list(): { nodes: Node[]; ending: Ending } {
    const nodes: Node[] = [];
    while (this.#peekWord().kind !== 'EOF') {
      const found = this.#node();
      if (isEnding(found)) return { nodes, ending: found };
      nodes.push(found);
    }
    this.#take();
    throw this.#broken('unexpected EOF');
  }

  #node(): Node | Ending {
    const item = this.#takeWord();
    if (item.kind === 'text') return { kind: 'text', text: item.text, position: item.position };
    if (item.kind !== 'left') throw this.#unexpected(item, 'input');
    this.#actionLine = item.line;
    const node = this.#action();
    this.#actionLine = 0;
    return node;
  }

  #action(): Node | Ending {
    const first = this.#takeWord();
    if (first.kind !== 'keyword') {
      this.#next--;
      return { kind: 'action', position: first.position, pipe: this.#pipe('command', 'right') };
    }
    switch (first.text) {
      case 'if':
      case 'range':
      case 'with':
        return this.#branch(first.text);
      case 'end':
        return { kind: 'end', position: this.#expect('right', 'end').position };
      case 'else':
        return this.#else();
      case 'break':
      case 'continue':
        return this.#leave(first, first.text);
      case 'template':
        return this.#template();
      case 'block':
        return this.#block();
      default:
        throw this.#unexpected(first, 'command');
    }
  }

  #else(): Ending {
    const next = this.#peekWord();
    if (isKeyword(next, 'if')) return { kind: 'else if', position: next.position };
    if (isKeyword(next, 'with')) return { kind: 'else with', position: next.position };
    return { kind: 'else', position: this.#expect('right', 'else').position };
  }

  #leave({ position }: Item, kind: 'break' | 'continue'): Node {
    const next = this.#takeWord();
    if (next.kind !== 'right') throw this.#unexpected(next, `{{${kind}}}`);
    if (this.#ranges === 0) throw this.#broken(`{{${kind}}} outside {{range}}`);
    return { kind, position };
  }

  #branch(kind: 'if' | 'range' | 'with'): Node {
    const known = this.#variables.length;
    const pipe = this.#pipe(kind, 'right');
    if (kind === 'range') this.#ranges++;
    const { nodes, ending } = this.#list();
    if (kind === 'range') this.#ranges--;
    const otherwise = this.#otherwise(kind, ending);
    this.#variables.length = known;
    return { kind, position: pipe.position, pipe, body: nodes, otherwise };
  }

  #otherwise(kind: 'if' | 'range' | 'with', ending: Ending): Node[] | undefined {
    if (ending.kind === 'end') return undefined;
    if (ending.kind === `else ${kind}` && (kind === 'if' || kind === 'with')) {
      this.#takeWord(); // the if or with
      return [this.#branch(kind)];
    }
    const { nodes, ending: last } = this.#list();
    if (last.kind !== 'end') throw this.#broken(`expected end; found ${endingText(last)}`);
    return nodes;
  }

  #template(): Node {
    const { position } = this.#peekWord();
    const name = this.#templateName('template clause');
    const isBare = this.#peekWord().kind === 'right';
    if (isBare) this.#takeWord();
    return { kind: 'template', position, name, pipe: isBare ? undefined : this.#pipe('template clause', 'right') };
  }

  #block(): Node {
    const { position } = this.#peekWord();
    const name = this.#templateName('block clause');
    const pipe = this.#pipe('block clause', 'right');
    this.#nested(name, 'block clause');
    return { kind: 'template', position, name, pipe };
  }

  #templateName(context: string): string {
    const item = this.#takeWord();
    if (item.kind !== 'string') throw this.#unexpected(item, context);
    return this.#literal(() => unquoted(item.text));
  }

  /** Commands parted by bars, up to `end`, after the variables that they set. */
  #pipe(context: string, end: 'right' | ')'): Pipe {
    const { position } = this.#peekWord();
    const { variables, isAssignment } = this.#declarations(context);
    const commands: Command[] = [];
    for (let item = this.#takeWord(); item.kind !== end; item = this.#takeWord()) {
      if (!operandKinds.has(item.kind)) throw this.#unexpected(item, context);
      this.#next--;
      commands.push(this.#command());
    }
    if (commands.length === 0) throw this.#broken(`missing value for ${context}`);
    const late = commands.findIndex(({ operands: [first] }, stage) => stage > 0 && constants.has(first.kind));
    if (late > 0) throw this.#broken(`non executable command in pipeline stage ${late + 1}`);
    return { kind: 'pipe', position, variables, isAssignment, commands };
  }

  #declarations(context: string): { variables: string[]; isAssignment: boolean } {
    const variables: string[] = [];
    for (;;) {
      const before = this.#next;
      const variable = this.#takeWord();
      const next = variable.kind === 'variable' ? this.#takeWord() : variable;
      const isLast = next.kind === 'assign' || next.kind === 'declare';
      if (variable.kind !== 'variable' || !(isLast || (next.kind === 'char' && next.text === ','))) {
        this.#next = before;
        return { variables, isAssignment: false };
      }
      variables.push(variable.text);
      this.#variables.push(variable.text);
      if (isLast) return { variables, isAssignment: next.kind === 'assign' };
      if (context !== 'range' || variables.length > 1) throw this.#broken(`too many declarations in ${context}`);
      if (!['variable', 'right', ')'].includes(this.#peekWord().kind)) throw this.#broken('range can only initialize variables');
    }
  }

  #command(): Command {
    const { position } = this.#peekWord();
    const operands: Operand[] = [];
    for (;;) {
      const operand = this.#operand();
      if (operand !== undefined) operands.push(operand);
      const item = this.#take();
      if (item.kind === 'space') continue;
      if (item.kind === 'right' || item.kind === ')') this.#next--;
      else if (item.kind !== 'pipe') throw this.#unexpected(item, 'operand');
      break;
    }
    const [first, ...rest] = operands;
    if (first === undefined) throw this.#broken('empty command');
    return { kind: 'command', position, operands: [first, ...rest] };
  }

  /** A term with the fields that are asked of it. */
  #operand(): Operand | undefined {
    const term = this.#term();
    if (term === undefined || this.#peek().kind !== 'field') return term;
    const { position } = this.#peek();
    const names: string[] = [];
    while (this.#peek().kind === 'field') names.push(this.#take().text.slice(1));
    switch (term.kind) {
      case 'field':
      case 'variable':
        return { kind: term.kind, position, names: [...term.names, ...names] };
      case 'bool':
      case 'string':
      case 'number':
      case 'nil':
      case 'dot': {
        const text = term.kind === 'string' ? term.quoted : term.kind === 'bool' ? String(term.value) : term.kind;
        throw this.#broken(
          `unexpected . after term ${JSON.stringify(term.kind === 'number' ? term.text : term.kind === 'dot' ? '.' : text)}`,
        );
      }
      default:
        return { kind: 'chain', position, of: term, names };
    }
  }

  #term(): Operand | undefined {
    const { kind, text, position } = this.#takeWord();
    switch (kind) {
      case 'identifier':
        if (!this.hasFunction(text)) throw this.#broken(`function ${JSON.stringify(text)} not defined`);
        return { kind, position, name: text };
      case 'dot':
      case 'nil':
        return { kind, position };
      case 'variable':
        if (!this.#variables.includes(text)) throw this.#broken(`undefined variable ${JSON.stringify(text)}`);
        return { kind, position, names: [text] };
      case 'field':
        return { kind, position, names: [text.slice(1)] };
      case 'bool':
        return { kind, position, value: text === 'true' };
      case 'character':
      case 'number':
        return { kind: 'number', position, text, number: this.#literal(() => numberLiteral(text)) };
      case 'string':
        return { kind, position, quoted: text, text: this.#literal(() => unquoted(text)) };
      case '(':
        return this.#pipe('parenthesized pipeline', ')');
      default:
        this.#next--;
        return undefined;
    }
  }

  #literal<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (error instanceof GoError) throw this.#broken(error.message);
      throw error;
    }
  }

  #peek(): Item {
    return this.items[this.#next] ?? this.items.at(-1)!; // there is always an end
  }

  #take(): Item {
    const item = this.#peek();
    this.#next++;
    return item;
  }

  #peekWord(): Item {
    while (this.#peek().kind === 'space') this.#next++;
    return this.#peek();
  }

  #takeWord(): Item {
    this.#peekWord();
    return this.#take();
  }

  #expect(kind: ItemKind, context: string): Item {
    const item = this.#takeWord();
    if (item.kind !== kind) throw this.#unexpected(item, context);
    return item;
  }

  #unexpected(item: Item, context: string): TemplateSyntaxError {
    if (item.kind !== 'error') return this.#broken(`unexpected ${itemText(item)} in ${context}`);
    const isElsewhere = this.#actionLine !== 0 && this.#actionLine !== item.line;
    const place = `${item.text.endsWith(' action') ? '' : ' in action'} started at :${this.#actionLine}`;
    return this.#broken(isElsewhere ? item.text + place : item.text);
  }

  #broken(problem: string): TemplateSyntaxError {
    const { line } = this.items[Math.min(Math.max(this.#next - 1, 0), this.items.length - 1)]!; // within
    return new TemplateSyntaxError(`template: :${line}: ${problem}`);
  }
}

function isEnding(found: Node | Ending): found is Ending {
  return ['end', 'else', 'else if', 'else with'].includes(found.kind);
}

function endingText(ending: Ending): string {
  return ending.kind === 'end' ? '{{end}}' : '{{else}}';
}
