/** The part of Go's text/template that people use with docker's --format: fields, pipes, `range`, `if`, `else`, `end`, trimming dashes, and
 *  the functions of template-functions.ts. */

import { PlyfsError } from '../base/errors.js';
import { goText, isTrue, memberOf, templateFunctions } from './template-functions.js';

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
    found.push(before, { words: inside.match(/"(?:[^"\\]|\\.)*"|\||[^\s"|]+/g) ?? [] });
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

/** Each command of a pipe gets the result of the one before as its last operand. */
function evaluate(words: readonly string[], data: unknown, root: unknown): unknown {
  let passed: unknown[] = [];
  for (let from = 0; from <= words.length; ) {
    const bar = words.indexOf('|', from);
    const end = bar < 0 ? words.length : bar;
    passed = [evaluateCommand(words.slice(from, end), passed, data, root)];
    from = end + 1;
  }
  return passed[0];
}

function evaluateCommand(words: readonly string[], passed: readonly unknown[], data: unknown, root: unknown): unknown {
  const [first = '', ...rest] = words;
  const run = templateFunctions.get(first);
  if (run !== undefined) return run([...rest.map((word) => operand(word, data, root)), ...passed]);
  if (rest.length > 0 || passed.length > 0) throw broken(`{{${words.join(' ')}}}`, `there is no function "${first}"`);
  return operand(first, data, root);
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
  // What begins small is no field of docker's but a key of a map, as of labels.
  if (typeof value === 'object' && !/^[A-Z]/.test(key)) return undefined;
  throw broken(
    `{{.${key}}}`,
    `there is no field ${key}${typeof value === 'object' ? `; there are ${Object.keys(value).join(', ')}` : ''}`,
  );
}

function broken(template: string, problem: string): PlyfsError {
  return new PlyfsError('template', `--format ${template}: ${problem}`, { exitStatus: 2 });
}
