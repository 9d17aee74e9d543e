/** Runs a template on a value (Go's text/template/exec.go). Messages are in Go's words. */

import { isTrue } from './compare.js';
import { type Branch, type Command, type Node, nodeText, type Operand, type Pipe } from './nodes.js';
import type { ParsedTemplate } from './parser.js';
import { printedValue, sortedEntries } from './print.js';
import { GoError, type GoFunction, type GoType, type GoValue, held, isKind, type Parameter, typeNameOf } from './values.js';

/** The template does not fit its data. `field` is the field that is not there, `struct` what it was asked of. */
export class TemplateRunError extends Error {
  constructor(
    message: string,
    readonly missing?: { readonly field: string; readonly fields: readonly string[] },
  ) {
    super(message);
  }
}

/** The value that a pipe hands to its next command; undefined where there is none before. */
type Passed = { readonly value: GoValue } | undefined;
/** How a body was left early. */
type Left = 'break' | 'continue' | undefined;

const maxDepth = 1000;
/** Of `range 10`. */
const maxCount = 1_000_000;
const intMax = 2n ** 63n - 1n;

export class Evaluator {
  #out: string[] = [];
  #variables: { name: string; value: GoValue }[] = [];
  #node: Node | Operand | Command | undefined;
  /** Of the template that runs; the outermost has none. */
  #name = '';
  #depth = 0;

  constructor(
    readonly template: string,
    readonly parsed: ParsedTemplate,
    readonly functions: ReadonlyMap<string, GoFunction>,
  ) {}

  /** TemplateRunError. */
  run(data: GoValue): string {
    this.#variables = [{ name: '$', value: data }];
    this.#walk(data, this.parsed.nodes);
    return this.#out.join('');
  }

  #walk(dot: GoValue, nodes: readonly Node[]): Left {
    for (const node of nodes) {
      const left = this.#step(dot, node);
      if (left !== undefined) return left;
    }
    return undefined;
  }

  #step(dot: GoValue, node: Node): Left {
    this.#node = node;
    switch (node.kind) {
      case 'text':
        this.#out.push(node.text);
        return undefined;
      case 'action': {
        const value = this.#pipe(dot, node.pipe);
        this.#node = node;
        if (isKind(value, 'method')) throw this.#failed(`can't print ${nodeText(node)} of type func`);
        if (node.pipe.variables.length === 0) this.#out.push(printedValue(value));
        return undefined;
      }
      case 'if':
      case 'with':
      case 'range':
        return this.#scoped(() => this.#branch(dot, node));
      case 'break':
      case 'continue':
        return node.kind;
      case 'template':
        return this.#template(dot, node.name, node.pipe);
      default:
        return node satisfies never;
    }
  }

  /** Variables that are set within end with it. */
  #scoped<T>(body: () => T): T {
    const known = this.#variables.length;
    const result = body();
    this.#variables.length = known;
    return result;
  }

  #branch(dot: GoValue, node: Branch): Left {
    const value = this.#pipe(dot, node.pipe);
    if (node.kind === 'range') return this.#range(dot, node, held(value));
    if (isTrue(held(value))) return this.#walk(node.kind === 'with' ? value : dot, node.body);
    return node.otherwise === undefined ? undefined : this.#walk(dot, node.otherwise);
  }

  #range(dot: GoValue, node: Branch, value: GoValue): Left {
    const items = this.#itemsOf(value);
    if (items.length === 0) return node.otherwise === undefined ? undefined : this.#walk(dot, node.otherwise);
    const { variables } = node.pipe;
    const top = this.#variables.length;
    for (const [index, item] of items) {
      if (variables.length > 0) this.#variables[top - 1]!.value = item; // the pipe has just pushed them
      if (variables.length > 1) this.#variables[top - 2]!.value = index;
      const left = this.#scoped(() => this.#walk(item, node.body));
      if (left === 'break') break;
    }
    return undefined;
  }

  #itemsOf(value: GoValue): (readonly [GoValue, GoValue])[] {
    if (value === undefined) return [];
    if (isKind(value, 'list')) return value.items.map((item, at) => [BigInt(at), item] as const);
    if (isKind(value, 'map')) return sortedEntries(value.entries);
    // Of Go 1.22.
    if (typeof value === 'bigint' && value <= maxCount)
      return Array.from({ length: Number(value) }, (_, at) => [BigInt(at), BigInt(at)] as const);
    throw this.#failed(`range can't iterate over ${printedValue(value)}`);
  }

  #template(dot: GoValue, name: string, pipe: Pipe | undefined): undefined {
    const nodes = this.parsed.named.get(name);
    if (nodes === undefined) throw this.#failed(`template ${JSON.stringify(name)} not defined`);
    if (++this.#depth > maxDepth) throw this.#failed(`exceeded maximum template depth (${maxDepth})`);
    const value = pipe === undefined ? undefined : this.#pipe(dot, pipe);
    const outer = { variables: this.#variables, name: this.#name };
    this.#variables = [{ name: '$', value }];
    this.#name = name;
    this.#walk(value, nodes);
    this.#variables = outer.variables;
    this.#name = outer.name;
    this.#depth--;
    return undefined;
  }

  #pipe(dot: GoValue, pipe: Pipe): GoValue {
    this.#node = pipe;
    let passed: Passed;
    for (const command of pipe.commands) passed = { value: held(this.#command(dot, command, passed)) };
    const value = passed?.value;
    for (const name of pipe.variables) {
      if (!pipe.isAssignment) this.#variables.push({ name, value });
      else this.#variable(name).value = value;
    }
    return value;
  }

  #variable(name: string): { name: string; value: GoValue } {
    const found = this.#variables.findLast((variable) => variable.name === name);
    if (found === undefined) throw this.#failed(`undefined variable: ${name}`);
    return found;
  }

  #command(dot: GoValue, command: Command, passed: Passed): GoValue {
    const [first, ...operands] = command.operands;
    switch (first.kind) {
      case 'field':
      case 'chain':
        return this.#access(dot, first, operands, passed);
      case 'variable':
        if (first.names.length > 1) return this.#access(dot, first, operands, passed);
        this.#node = first;
        break;
      case 'pipe':
        break;
      case 'identifier':
        this.#node = first;
        return this.#callNamed(dot, first.name, command, operands, passed);
      default:
        this.#node = first;
    }
    if (operands.length > 0 || passed !== undefined) throw this.#failed(`can't give argument to non-function ${nodeText(first)}`);
    if (first.kind === 'nil') throw this.#failed('nil is not a command');
    return this.#operand(dot, first);
  }

  /** The value of an operand where its type does not matter. */
  #operand(dot: GoValue, operand: Operand): GoValue {
    this.#node = operand;
    switch (operand.kind) {
      case 'bool':
        return operand.value;
      case 'string':
        return operand.text;
      case 'number':
        return this.#constant(operand);
      case 'dot':
        return dot;
      case 'nil':
        return undefined;
      case 'field':
      case 'chain':
        return this.#access(dot, operand, [], undefined);
      case 'variable':
        return operand.names.length > 1 ? this.#access(dot, operand, [], undefined) : this.#variable(operand.names[0]!).value; // one at least
      case 'identifier':
        return this.#callNamed(dot, operand.name, operand, [], undefined);
      case 'pipe':
        return this.#pipe(dot, operand);
      default:
        return operand satisfies never;
    }
  }

  #constant({ text, number }: Extract<Operand, { kind: 'number' }>): GoValue {
    if (number.isFloat) return number.float;
    if (number.int === undefined || number.int > intMax) throw this.#failed(`${text} overflows int`);
    return number.int;
  }

  /** A field, or the field of a field; the last may take arguments. */
  #access(
    dot: GoValue,
    node: Extract<Operand, { kind: 'field' | 'variable' | 'chain' }>,
    operands: readonly Operand[],
    passed: Passed,
  ): GoValue {
    this.#node = node;
    if (node.kind === 'chain' && node.of.kind === 'nil')
      throw this.#failed(`indirection through explicit nil in ${nodeText(node)}`);
    const [variable = '', ...rest] = node.names;
    const names = node.kind === 'variable' ? rest : node.names;
    const from =
      node.kind === 'field' ? dot : node.kind === 'variable' ? this.#variable(variable).value : this.#operand(dot, node.of);
    return names.reduce((value, name, at) => {
      const isLast = at === names.length - 1;
      return this.#field(dot, value, name, node, isLast ? operands : [], isLast ? passed : undefined);
    }, from);
  }

  #field(dot: GoValue, from: GoValue, name: string, node: Operand, operands: readonly Operand[], passed: Passed): GoValue {
    const hasArguments = operands.length > 0 || passed !== undefined;
    const value = held(from);
    if (isKind(value, 'struct')) {
      const field = value.fields.get(name) ?? value.fields.get(value.aliases[name] ?? '');
      if (isKind(field, 'method')) return this.#call(dot, field.function, name, node, operands, passed);
      if (field !== undefined) {
        if (hasArguments) throw this.#failed(`${name} has arguments but cannot be invoked as function`);
        return field;
      }
    } else if (isKind(value, 'map')) {
      if (hasArguments) throw this.#failed(`${name} is not a method but has arguments`);
      return value.entries.get(name);
    } else if (from === undefined) {
      return undefined;
    } else if (value === undefined || (isKind(value, 'nil') && hasField(value.to, name))) {
      throw this.#failed(`nil pointer evaluating ${typeNameOf(from)}.${name}`);
    }
    const fields = isKind(value, 'struct') ? [...value.fields.keys()] : [];
    throw this.#failed(`can't evaluate field ${name} in type ${typeNameOf(from)}`, { field: name, fields });
  }

  #callNamed(dot: GoValue, name: string, node: Operand | Command, operands: readonly Operand[], passed: Passed): GoValue {
    const found = this.functions.get(name);
    if (found === undefined) throw this.#failed(`${JSON.stringify(name)} is not a defined function`);
    return name === 'and' || name === 'or'
      ? this.#shortCircuit(dot, name, operands, passed)
      : this.#call(dot, found, name, node, operands, passed);
  }

  #shortCircuit(dot: GoValue, name: 'and' | 'or', operands: readonly Operand[], passed: Passed): GoValue {
    if (operands.length === 0 && passed === undefined)
      throw this.#failed(`wrong number of args for ${name}: want at least 1 got 0`);
    let value: GoValue;
    for (const operand of operands) {
      value = this.#argument(dot, 'value', operand);
      if (isTrue(held(value)) === (name === 'or')) return value;
    }
    return passed === undefined ? value : passed.value;
  }

  #call(
    dot: GoValue,
    { parameters, rest, call }: GoFunction,
    name: string,
    node: Operand | Command,
    operands: readonly Operand[],
    passed: Passed,
  ): GoValue {
    const count = operands.length + (passed === undefined ? 0 : 1);
    const want = parameters.length;
    if (rest === undefined ? count !== want : count < want) {
      const wanted = rest === undefined ? `want ${want} got ${count}` : `want at least ${want} got ${operands.length}`;
      throw this.#failed(`wrong number of args for ${name}: ${wanted}`);
    }
    const parameter = (at: number): Parameter => parameters[at] ?? rest ?? 'value';
    const values = operands.map((operand, at) => this.#argument(dot, parameter(at), operand));
    if (passed !== undefined) values.push(this.#fitting(passed.value, parameter(operands.length)));
    try {
      return call(values);
    } catch (error) {
      if (!(error instanceof GoError)) throw error;
      this.#node = node;
      throw this.#failed(`error calling ${name}: ${error.message}`);
    }
  }

  /** The value of an operand for a parameter; constants must be of its type. */
  #argument(dot: GoValue, parameter: Parameter, operand: Operand): GoValue {
    this.#node = operand;
    const isOpen = parameter === 'value' || parameter === 'any';
    switch (operand.kind) {
      case 'nil':
        if (!isOpen) throw this.#failed(`cannot assign nil to ${parameter}`);
        return undefined;
      case 'bool':
      case 'string':
      case 'number':
        if (isOpen) return this.#operand(dot, operand);
        if (parameter === 'int' && operand.kind === 'number' && operand.number.int !== undefined) return operand.number.int;
        if (parameter === 'string' && operand.kind === 'string') return operand.text;
        throw this.#failed(`expected ${parameter === 'int' ? 'integer' : 'string'}; found ${nodeText(operand)}`);
      default:
        return this.#fitting(this.#operand(dot, operand), parameter);
    }
  }

  #fitting(value: GoValue, parameter: Parameter): GoValue {
    if (parameter === 'value' || parameter === 'any') return value;
    const inner = held(value);
    if (value === undefined) throw this.#failed(`invalid value; expected ${parameter}`);
    if (typeof inner === (parameter === 'int' ? 'bigint' : 'string')) return inner;
    throw this.#failed(`wrong type for value; expected ${parameter}; got ${typeNameOf(inner === undefined ? value : inner)}`);
  }

  #failed(problem: string, missing?: TemplateRunError['missing']): TemplateRunError {
    const node = this.#node;
    if (node === undefined) return new TemplateRunError(`template: : ${problem}`);
    const before = this.template.slice(0, node.position).split('\n');
    const place = `:${before.length}:${Buffer.byteLength(before.at(-1) ?? '')}`;
    return new TemplateRunError(
      `template: ${place}: executing ${JSON.stringify(this.#name)} at <${nodeText(node)}>: ${problem}`,
      missing,
    );
  }
}

function hasField(type: GoType, name: string): boolean {
  return type.kind === 'struct' && Object.hasOwn(type.fields, name);
}
