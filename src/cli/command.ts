/** The one importer of commander: commands with one look. `--help` with examples, usage errors exit 2, errors one sentence and exit 1. */

import { Command, CommanderError } from 'commander';
import { reportError } from './report.js';

export type { Command } from 'commander';

/** A command to give arguments, options and an action. `examples` are whole command lines. */
export function newCommand(name: string, summary: string, examples: readonly string[]): Command {
  return new Command(`plyfs ${name}`)
    .description(summary)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'plyfs: ')) })
    .showHelpAfterError(`(plyfs ${name} --help shows how)`)
    .addHelpText('after', `\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}\n`);
}

/** Runs the command on the words after its name; resolves to the exit status. */
export async function runCommand(command: Command, words: readonly string[]): Promise<number> {
  try {
    await command.parseAsync(words, { from: 'user' });
    // An action that went on after a failure (rmi A B) says so here.
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return reportError(error);
  }
}
