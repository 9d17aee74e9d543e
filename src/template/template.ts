/** Go's text/template with docker's functions, as --format takes it. */

import { builtins } from './builtins.js';
import { dockerFunctions, headingFunctions } from './docker.js';
import { Evaluator } from './evaluator.js';
import { type ParsedTemplate, parseTemplate } from './parser.js';
import type { GoFunction, GoValue } from './values.js';

const forValues: ReadonlyMap<string, GoFunction> = new Map([...builtins, ...dockerFunctions]);
const forHeadings: ReadonlyMap<string, GoFunction> = new Map([...builtins, ...headingFunctions]);

export class Template {
  readonly #parsed: ParsedTemplate;

  /** TemplateSyntaxError. */
  constructor(readonly text: string) {
    this.#parsed = parseTemplate(text, (name) => forValues.has(name));
  }

  /** TemplateRunError. */
  run(data: GoValue): string {
    return new Evaluator(this.text, this.#parsed, forValues).run(data);
  }

  /** The headings of a table whose rows the template makes. TemplateRunError. */
  headings(data: GoValue): string {
    return new Evaluator(this.text, this.#parsed, forHeadings).run(data);
  }
}
