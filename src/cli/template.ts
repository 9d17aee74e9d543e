/** The part of Go's text/template that people use with docker's --format: fields, `json`, `index`, `join`, `len`, `upper`, `lower`,
 *  `println`, `range`, `if`, `else`, `end`, and trimming dashes. */

import { PlyfsError } from '../base/errors.js';

type Part =
  | { kind: 'text'; text: string }
  | { kind: 'value'; words: readonly string[] }
  | { kind: 'range' | 'if'; words: readonly string[]; body: Part[]; otherwise: Part[] };

/** The text of `template` for `data`; `\t` and `\n` stand for tab and newline. PlyfsError `template`, exit status 2, for what is not
 *  understood and for a field that does not exist. */
export function renderTemplate(template: string, data: unknown): string {
  return render(parse(template.replaceAll('\\t', '\t').replaceAll('\\n', '\n')), data, data);
}

function parse(template: string): Part[] {
  const top: Part[] = [];
  const open: { part: Extract<Part, { body: Part[] }>; into: Part[] }[] = [];
  let into = top;
  for (const token of tokens(template)) {
    if (typeof token === 'string') {
      if (token !== '') into.push({ kind: 'text', text: token });
      continue;
    }
    const [word = '', ...rest] = token.words;
    const current = open.at(-1);
    if (word === 'range' || word === 'if') {
      const part = { kind: word, words: rest, body: [], otherwise: [] } as const satisfies Part;
      into.push(part);
      open.push({ part, into });
      into = part.body;
    } else if (word === 'else' || word === 'end') {
      if (current === undefined) throw broken(template, `{{${word}}} without {{range}} or {{if}}`);
      into = word === 'else' ? current.part.otherwise : current.into;
      if (word === 'end') open.pop();
    } else into.push({ kind: 'value', words: token.words });
  }
  if (open.length > 0) throw broken(template, '{{end}} is missing');
  return top;
}

/** Plain texts and the words between braces, by turns. */
function tokens(template: string): (string | { words: string[] })[] {
  const found: (string | { words: string[] })[] = [];
  let rest = template;
  for (let at = rest.indexOf('{{'); at >= 0; at = rest.indexOf('{{')) {
    const close = rest.indexOf('}}', at);
    if (close < 0) throw broken(template, '"}}" is missing');
    let inside = rest.slice(at + 2, close);
    let before = rest.slice(0, at);
    rest = rest.slice(close + 2);
    if (/^-\s/.test(inside)) {
      before = before.trimEnd();
      inside = inside.slice(1);
    }
    if (/\s-$/.test(inside)) {
      rest = rest.trimStart();
      inside = inside.slice(0, -1);
    }
    found.push(before, { words: inside.match(/"(?:[^"\\]|\\.)*"|[^\s"]+/g) ?? [] });
  }
  found.push(rest);
  return found;
}

function render(parts: readonly Part[], data: unknown, root: unknown): string {
  return parts.map((part) => renderPart(part, data, root)).join('');
}

function renderPart(part: Part, data: unknown, root: unknown): string {
  switch (part.kind) {
    case 'text':
      return part.text;
    case 'value':
      return goText(evaluate(part.words, data, root));
    case 'if':
      return render(isTrue(evaluate(part.words, data, root)) ? part.body : part.otherwise, data, root);
    case 'range': {
      const value = evaluate(part.words, data, root);
      const items = Array.isArray(value) ? value : typeof value === 'object' && value !== null ? Object.values(value) : [];
      if (items.length === 0) return render(part.otherwise, data, root);
      return items.map((item) => render(part.body, item, root)).join('');
    }
    default:
      return part satisfies never;
  }
}

function evaluate(words: readonly string[], data: unknown, root: unknown): unknown {
  const [first = '', ...rest] = words;
  const operands = (): unknown[] => rest.map((word) => operand(word, data, root));
  switch (first) {
    case 'json':
      return JSON.stringify(operands()[0] ?? null);
    case 'len': {
      const [value] = operands();
      return Array.isArray(value) || typeof value === 'string' ? value.length : Object.keys(Object(value)).length;
    }
    case 'index':
      return operands().reduce((value, key) => memberOf(value, String(key)));
    case 'join': {
      const [value, separator] = operands();
      return Array.isArray(value) ? value.map(goText).join(String(separator)) : '';
    }
    case 'upper':
      return goText(operands()[0]).toUpperCase();
    case 'lower':
      return goText(operands()[0]).toLowerCase();
    case 'println':
      return `${operands().map(goText).join(' ')}\n`;
    case 'print':
      return operands().map(goText).join(' ');
    default:
      if (rest.length > 0) throw broken(`{{${words.join(' ')}}}`, `there is no function "${first}"`);
      return operand(first, data, root);
  }
}

function operand(word: string, data: unknown, root: unknown): unknown {
  if (word.startsWith('"')) return JSON.parse(word);
  if (/^-?\d+$/.test(word)) return Number(word);
  const from = word.startsWith('$') ? root : data;
  const path = word.replace(/^\$/, '');
  if (path === '' || path === '.') return from;
  if (!path.startsWith('.')) throw broken(`{{${word}}}`, `there is no function "${word}"`);
  return path
    .slice(1)
    .split('.')
    .reduce<unknown>((value, key) => fieldOf(value, key), from);
}

function fieldOf(value: unknown, key: string): unknown {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'object' && Object.hasOwn(value, key)) return memberOf(value, key);
  throw broken(
    `{{.${key}}}`,
    `there is no field ${key}${typeof value === 'object' ? `; there are ${Object.keys(value).join(', ')}` : ''}`,
  );
}

function memberOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined; // own key
}

function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** As Go's %v prints it. */
function goText(value: unknown): string {
  if (value === undefined) return '<no value>';
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (typeof value === 'object') {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `map[${entries.map(([key, item]) => `${key}:${goText(item)}`).join(' ')}]`;
  }
  return String(value);
}

function broken(template: string, problem: string): PlyfsError {
  return new PlyfsError('template', `--format ${template}: ${problem}`, { exitStatus: 2 });
}
