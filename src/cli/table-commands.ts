/** The commands that are made of what all the others take: plyfs completion and plyfs man. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PlyfsError } from '../base/errors.js';
import { type Command, newCommand } from './command.js';
import { type CommandFacts, nearest } from './command-facts.js';
import { completionFor, shells } from './completion.js';
import { manPages } from './man-pages.js';

type AllFacts = () => Promise<CommandFacts[]>;

export function completion(allFacts: AllFacts): { command: Command } {
  const command = newCommand(
    'completion',
    'Prints what a shell reads to complete the words of plyfs: commands, options, images and containers.',
    [
      'source <(plyfs completion bash)               # in ~/.bashrc',
      'plyfs completion zsh > /usr/local/share/zsh/site-functions/_plyfs',
      'plyfs completion fish > ~/.config/fish/completions/plyfs.fish',
    ],
  )
    .argument('<shell>', shells.join(', '))
    .action(async (shell: string) => {
      process.stdout.write(completionFor(shell, await allFacts()));
    });
  return { command };
}

export function man(allFacts: AllFacts, version: () => string): { command: Command } {
  const command = newCommand('man', 'Shows the manual page of plyfs or of one of its commands; in a pipe, its source.', [
    'plyfs man mount',
    'plyfs man --directory /usr/local/share/man/man1',
  ])
    .argument('[command]', 'without it the page of plyfs')
    .option('--directory <path>', 'write all pages there')
    .action(async (name: string | undefined, options: { directory?: string }) => {
      const pages = manPages(await allFacts(), version());
      const { directory } = options;
      if (directory === undefined) return show(pageNamed(pages, name));
      mkdirSync(directory, { recursive: true });
      for (const { file, text } of pages) writeFileSync(join(directory, file), text);
    });
  return { command };
}

function pageNamed(pages: readonly { file: string; text: string }[], name: string | undefined): string {
  const found = pages.find(({ file }) => file === (name === undefined ? 'plyfs.1' : `plyfs-${name}.1`));
  if (found !== undefined) return found.text;
  const near = nearest(
    name ?? '',
    pages.map(({ file }) => file.replace(/^plyfs-|\.1$/g, '')),
  );
  throw new PlyfsError('usage', `there is no manual page of ${name}${near === undefined ? '' : `: did you mean ${near}?`}`);
}

/** With man(1) where there is a terminal and it is installed. */
function show(page: string): void {
  const shown = process.stdout.isTTY
    ? spawnSync('man', ['-l', '-'], { input: page, stdio: ['pipe', 'inherit', 'inherit'] })
    : undefined;
  if (shown?.status !== 0) process.stdout.write(page);
}
