/** --format: the user's template, and one sentence for what is wrong with it. */

import { PlyfsError } from '../base/errors.js';
import { TemplateRunError } from '../template/evaluator.js';
import { TemplateSyntaxError } from '../template/parser.js';
import { Template } from '../template/template.js';
import { type GoValue, typeNameOf } from '../template/values.js';

export class Format {
  readonly #template: Template;

  /** PlyfsError `template`, exit status 2. */
  constructor(readonly text: string) {
    this.#template = told(text, () => new Template(text));
  }

  /** PlyfsError `template`: `value` has not what the template asks for. */
  run(value: GoValue): string {
    return told(this.text, () => this.#template.run(value), typeNameOf(value));
  }

  /** The headings of a table whose rows the template makes. PlyfsError `template`. */
  headings(value: GoValue): string {
    return told(this.text, () => this.#template.headings(value), typeNameOf(value));
  }
}

/** In docker's listings `\t` and `\n` stand for tab and newline: outside of braces, where Go's strings have them already. */
export function listingFormat(text: string): Format {
  return new Format(
    text.replaceAll(/(\{\{(?:"(?:\\.|[^"\\])*"|`[^`]*`|'(?:\\.|[^'\\])*'|(?!\}\})[^"`'])*\}\})|\\t|\\n/g, (all, action) =>
      action !== undefined ? all : all === '\\t' ? '\t' : '\n',
    ),
  );
}

function told<T>(text: string, work: () => T, what = ''): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TemplateSyntaxError) throw broken(text, inOurWords(error.message), 2);
    if (!(error instanceof TemplateRunError)) throw error;
    const { missing } = error;
    if (missing === undefined || missing.fields.length === 0) throw broken(text, inOurWords(error.message), 1);
    throw broken(text, `${what === '' ? 'this' : what} has no field ${missing.field}; there are ${missing.fields.join(', ')}`, 1);
  }
}

/** Without the name of a template that has none. */
function inOurWords(message: string): string {
  return message
    .replace(/^template: :1: /, '')
    .replace(/^template: :(\d+): /, 'line $1: ')
    .replace(/^template: [^ ]* executing "[^"]*" at /, 'at ');
}

function broken(text: string, problem: string, exitStatus: number): PlyfsError {
  return new PlyfsError('template', `--format ${text}: ${problem}`, { exitStatus });
}
