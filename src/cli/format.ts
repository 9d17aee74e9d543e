/** --format: the user's template, and one sentence for what is wrong with it. */

import type { ErrorCode } from '../base/error-codes.js';
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
    if (error instanceof TemplateSyntaxError) throw broken('template', text, inOurWords(error.message));
    if (!(error instanceof TemplateRunError)) throw error;
    const { missing } = error;
    if (missing === undefined || missing.fields.length === 0) throw broken('template-field', text, inOurWords(error.message));
    throw broken(
      'template-field',
      text,
      `${what === '' ? 'this' : what} has no field ${missing.field}; there are ${missing.fields.join(', ')}`,
    );
  }
}

/** Without the name of a template that has none. */
function inOurWords(message: string): string {
  return message
    .replace(/^template: :1: /, '')
    .replace(/^template: :(\d+): /, 'line $1: ')
    .replace(/^template: [^ ]* executing "[^"]*" at /, 'at ');
}

function broken(code: ErrorCode, text: string, problem: string): PlyfsError {
  return new PlyfsError(code, `--format ${text}: ${problem}`);
}
