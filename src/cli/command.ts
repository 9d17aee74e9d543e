/** The one importer of commander: commands with one look. `--help` with examples, usage errors exit 2, errors one sentence and exit 1. */

import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { letSignalsIn } from '../base/interruption.js';
import type { CommandFacts } from './command-facts.js';
import { reportError } from './report.js';

export type { Command } from 'commander';

const examplesOf = new WeakMap<Command, readonly string[]>();

/** A command to give arguments, options and an action. `examples` are whole command lines. */
export function newCommand(name: string, summary: string, examples: readonly string[]): Command {
  const command = new Command(`plyfs ${name}`);
  examplesOf.set(command, examples);
  return command
    .description(summary)
    .allowExcessArguments(false)
    .exitOverride()
    .configureHelp({ minWidthToWrap: 20 })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'plyfs: ')) })
    .showHelpAfterError(`(plyfs ${name} --help shows how)`)
    .addHelpText('after', `\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}\n`);
}

/** Runs the command on the words after its name; resolves to the exit status. */
export async function runCommand(command: Command, words: readonly string[]): Promise<number> {
  try {
    await command.parseAsync(plainSwitches(command, words), { from: 'user' });
    // An action that went on after a failure (rmi A B) says so here.
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    await letSignalsIn();
    return reportError(error);
  }
}

/** docker's programs take `--quiet=true` and `-q=false` for switches: here a switch is there or not, and `--no-X` turns off what is on. */
function plainSwitches(command: Command, words: readonly string[]): string[] {
  const isOpen = words.indexOf('--');
  return words.flatMap((word, at) => {
    const [, flag, value] = /^(-\w|--[a-z][a-z-]*)=(true|false)$/.exec(word) ?? [];
    const option = command.options.find(({ short, long }) => flag !== undefined && (short === flag || long === flag));
    if (option === undefined || option.required || option.optional || (isOpen >= 0 && at > isOpen)) return [word];
    if (value === 'true') return [option.long ?? word];
    const opposite = option.negate ? option.long?.replace('--no-', '--') : option.long?.replace('--', '--no-');
    return command.options.some(({ long }) => long === opposite) ? [opposite!] : []; // found, so it is there
  });
}

/** For an option that may be given several times. */
export function collected(text: string, all: readonly string[]): string[] {
  return [...all, text];
}

/** For an option that is a number from 0 on. */
export function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a whole number.');
}

/** What the command takes; its summary is the description's, until the list of commands says it shorter. */
export function factsOf(command: Command): CommandFacts {
  const operands = command.registeredArguments.map((argument) => {
    const name = argument.name();
    const inner = `${name}${argument.variadic ? '...' : ''}`;
    return { name, shown: argument.required ? `<${inner}>` : `[${inner}]`, summary: argument.description };
  });
  const options = command.options.filter((option) => !option.hidden);
  return {
    name: command.name().replace(/^plyfs /, ''),
    summary: command.description(),
    description: command.description(),
    usage: [[command.name(), ...(options.length === 0 ? [] : ['[options]']), ...operands.map(({ shown }) => shown)].join(' ')],
    operands,
    options: options.map(({ flags, description }) => {
      const [, names = '', value] = /^([^<[]*?)(?:[ =]*(?:<([^>]*)>|\[([^\]]*)\]))?$/.exec(flags) ?? [];
      return { names: names.split(/[ ,|]+/).filter((name) => name !== ''), value, summary: description };
    }),
    examples: examplesOf.get(command) ?? [],
  };
}
