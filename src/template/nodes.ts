/** What a template is parsed into, and how Go writes a node in its messages. */

import type { NumberLiteral } from './literals.js';

interface Placed {
  /** Where in the template it begins. */
  readonly position: number;
}

export type Operand = Placed &
  (
    | { readonly kind: 'bool'; readonly value: boolean }
    | { readonly kind: 'string'; readonly quoted: string; readonly text: string }
    | { readonly kind: 'number'; readonly text: string; readonly number: NumberLiteral }
    | { readonly kind: 'dot' | 'nil' }
    | { readonly kind: 'field'; readonly names: readonly string[] }
    /** The first name is the variable's, with its dollar. */
    | { readonly kind: 'variable'; readonly names: readonly string[] }
    | { readonly kind: 'identifier'; readonly name: string }
    | { readonly kind: 'chain'; readonly of: Operand; readonly names: readonly string[] }
    | Pipe
  );

export interface Command extends Placed {
  readonly kind: 'command';
  readonly operands: readonly [Operand, ...Operand[]];
}

export interface Pipe extends Placed {
  readonly kind: 'pipe';
  /** Variables that it sets, with their dollars. */
  readonly variables: readonly string[];
  readonly isAssignment: boolean;
  readonly commands: readonly Command[];
}

export type Node = Placed &
  (
    | { readonly kind: 'text'; readonly text: string }
    | { readonly kind: 'action'; readonly pipe: Pipe }
    | Branch
    | { readonly kind: 'break' | 'continue' }
    | { readonly kind: 'template'; readonly name: string; readonly pipe: Pipe | undefined }
  );

export interface Branch extends Placed {
  readonly kind: 'if' | 'range' | 'with';
  readonly pipe: Pipe;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[] | undefined;
}

export function nodeText(node: Node | Operand | Command): string {
  switch (node.kind) {
    case 'text':
    case 'number':
      return node.text;
    case 'bool':
      return String(node.value);
    case 'string':
      return node.quoted;
    case 'dot':
      return '.';
    case 'nil':
      return 'nil';
    case 'field':
      return node.names.map((name) => `.${name}`).join('');
    case 'variable':
      return node.names.join('.');
    case 'identifier':
      return node.name;
    case 'chain':
      return [operandText(node.of), ...node.names].join('.');
    case 'command':
      return node.operands.map(operandText).join(' ');
    case 'pipe':
      return (
        (node.variables.length === 0 ? '' : `${node.variables.join(', ')} := `) +
        node.commands.map((command) => nodeText(command)).join(' | ')
      );
    case 'action':
      return `{{${nodeText(node.pipe)}}}`;
    case 'if':
    case 'range':
    case 'with':
      return branchText(node);
    case 'break':
    case 'continue':
      return `{{${node.kind}}}`;
    case 'template':
      return `{{template ${JSON.stringify(node.name)}${node.pipe === undefined ? '' : ` ${nodeText(node.pipe)}`}}}`;
    default:
      return node satisfies never;
  }
}

function operandText(operand: Operand): string {
  return operand.kind === 'pipe' ? `(${nodeText(operand)})` : nodeText(operand);
}

function branchText({ kind, pipe, body, otherwise }: Branch): string {
  const texts = (nodes: readonly Node[]): string => nodes.map(nodeText).join('');
  return `{{${kind} ${nodeText(pipe)}}}${texts(body)}${otherwise === undefined ? '' : `{{else}}${texts(otherwise)}`}{{end}}`;
}
