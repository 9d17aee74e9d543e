#!/usr/bin/env node
/** The command line: finds the command's file and runs it. Each is loaded only when it is asked for. */

import { readFileSync } from 'node:fs';
import type { Command } from './command.js';
import { type CommandFacts, nearest } from './command-facts.js';
import { cleanUpAtSignals, interruptedStatus } from './interrupt.js';
import { reportError } from './report.js';
import { listed, terminalWidth, wrapped } from './wrap.js';

interface Row {
  summary: string;
  /** For bug reports: not in the help. */
  isHidden?: true;
  /** The module of the command. Those built on command.ts export `command`; others `run`, which resolves to the exit status. */
  load: () => Promise<{ command: Command } | Bare>;
}

interface Bare {
  run: (words: readonly string[]) => Promise<number>;
  facts: () => CommandFacts;
}

/** In the order of the help. */
const commands: Readonly<Record<string, Row>> = {
  mount: { summary: 'merge layers and show them as a directory', load: () => import('./commands/mount.js') },
  umount: { summary: 'end a mount', load: () => import('./commands/umount.js') },
  mounts: { summary: 'list the mounts', load: () => import('./commands/mounts.js') },
  stats: { summary: 'show what a mount has done', load: () => import('./commands/stats.js') },
  load: { summary: 'load images from an archive into the store', load: () => import('./commands/load.js') },
  save: { summary: 'save images into an archive', load: () => import('./commands/save.js') },
  pull: { summary: 'pull an image from a registry', load: () => import('./commands/pull.js') },
  push: { summary: 'push an image to a registry', load: () => import('./commands/push.js') },
  copy: { summary: 'copy an image between store, registries, layouts and archives', load: () => import('./commands/copy.js') },
  login: { summary: 'log in to a registry', load: () => import('./commands/login.js') },
  logout: { summary: 'forget the credentials of a registry', load: () => import('./commands/logout.js') },
  search: { summary: 'search a registry for repositories', load: () => import('./commands/search.js') },
  tags: { summary: 'list the tags of a repository at its registry', load: () => import('./commands/tags.js') },
  manifest: { summary: 'print the manifest of an image as it was received', load: () => import('./commands/manifest.js') },
  images: { summary: 'list the images in the store', load: () => import('./commands/images.js') },
  history: { summary: 'list the steps that made an image', load: () => import('./commands/history.js') },
  inspect: { summary: 'print what is known of an image', load: () => import('./commands/inspect.js') },
  layers: { summary: 'list what each layer of an image did', load: () => import('./commands/layers.js') },
  ls: { summary: 'list a directory of an image, without a mount', load: () => import('./commands/ls.js') },
  cat: { summary: 'print files of an image', load: () => import('./commands/cat.js') },
  find: { summary: 'list the names of an image below a directory', load: () => import('./commands/find.js') },
  stat: { summary: 'print the attributes of files of an image', load: () => import('./commands/stat.js') },
  du: { summary: 'sum the sizes of directories of an image', load: () => import('./commands/du.js') },
  blame: { summary: 'tell which layers wrote, replaced or deleted a path', load: () => import('./commands/blame.js') },
  waste: { summary: 'list what an image ships and hides', load: () => import('./commands/waste.js') },
  create: { summary: 'make a container of an image', load: () => import('./commands/create.js') },
  ps: { summary: 'list containers', load: () => import('./commands/ps.js') },
  diff: { summary: 'list what changed in a container, or between two trees', load: () => import('./commands/diff.js') },
  commit: { summary: 'make an image of what changed in a container', load: () => import('./commands/commit.js') },
  squash: { summary: 'make one layer of several of an image', load: () => import('./commands/squash.js') },
  rebase: { summary: "move an image's own layers onto another base", load: () => import('./commands/rebase.js') },
  export: { summary: 'write the whole view of a container or image as a tar', load: () => import('./commands/export.js') },
  import: { summary: 'make an image of a root tar or directory', load: () => import('./commands/import.js') },
  cp: { summary: 'copy files between a container and this machine', load: () => import('./commands/cp.js') },
  rename: { summary: 'give a container another name', load: () => import('./commands/rename.js') },
  rm: { summary: 'remove containers', load: () => import('./commands/rm.js') },
  tag: { summary: 'give an image a further name', load: () => import('./commands/tag.js') },
  rmi: { summary: 'remove images', load: () => import('./commands/rmi.js') },
  prune: { summary: 'remove what nothing needs', load: () => import('./commands/prune.js') },
  check: { summary: 'see whether the store is whole', load: () => import('./commands/check.js') },
  dump: { summary: 'print a tree, one object a line', isHidden: true, load: () => import('./commands/dump.js') },
  completion: {
    summary: 'print what a shell needs to complete words',
    load: async () => (await import('./table-commands.js')).completion(allFacts),
  },
  man: { summary: 'show the manual', load: async () => (await import('./table-commands.js')).man(allFacts, version) },
  bench: { summary: 'measure plyfs beside the kernel and its peers', load: () => import('./commands/bench.js') },
};

async function main(words: readonly string[]): Promise<number> {
  const [first = 'help', ...rest] = words;
  if (Object.hasOwn(commands, first)) return run(first, rest);
  if (first === 'help' && Object.hasOwn(commands, rest[0] ?? '')) return run(rest[0] ?? '', ['--help']);
  if (first === 'help' && rest[0] !== undefined && !rest[0].startsWith('-')) return unknown(rest[0]);
  if (['help', '-h', '--help'].includes(first)) return print(help());
  if (['version', '-v', '-V', '--version'].includes(first)) return print(`plyfs ${version()}\n`);
  // mount(8) calls its helpers `plyfs SOURCE TARGET -o OPTIONS`, containers/storage `plyfs -o OPTIONS TARGET`.
  if (words.some((word) => word.startsWith('-o'))) return run('mount', words);
  return unknown(first);
}

function unknown(word: string): number {
  const near = nearest(word, word.startsWith('-') ? ['--help', '--version'] : shownNames());
  const hint =
    near === undefined ? '; plyfs --help lists the commands' : `: did you mean ${near}? (plyfs --help lists the commands)`;
  process.stderr.write(`plyfs: unknown ${word.startsWith('-') ? 'option' : 'command'} ${shownWord(word)}${hint}\n`);
  return 2;
}

async function run(word: string, words: readonly string[]): Promise<number> {
  const module = await commands[word]!.load(); // the caller looked it up
  if ('run' in module) return module.run(words);
  const { runCommand } = await import('./command.js');
  return runCommand(module.command, words);
}

/** What each command takes, in the order of the help. */
async function allFacts(): Promise<CommandFacts[]> {
  const { factsOf } = await import('./command.js');
  return Promise.all(
    shownNames().map(async (name) => {
      const { load, summary } = commands[name]!; // one of its names
      const module = await load();
      return { ...('facts' in module ? module.facts() : factsOf(module.command)), name, summary };
    }),
  );
}

function shownNames(): string[] {
  return Object.keys(commands).filter((name) => commands[name]?.isHidden !== true);
}

/** As it can be shown: a terminal takes no orders from it. */
function shownWord(word: string): string {
  return word.replaceAll(/\p{Cc}/gu, '?').slice(0, 100);
}

function help(): string {
  const width = terminalWidth();
  const rows = shownNames().map((name) => [name, commands[name]?.summary ?? ''] as const);
  return `Usage: plyfs COMMAND [options]

${wrapped('A union file system for container images: merges layers copy-on-write and mounts the view.', width)}

Commands:
${listed(rows, width)}

Example:
  plyfs mount --layer base --layer app --upper changes /mnt

plyfs COMMAND --help tells more.
`;
}

function version(): string {
  const json: unknown = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  return typeof json === 'object' && json !== null && 'version' in json ? String(json.version) : 'unknown';
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : reportError(error));
});
cleanUpAtSignals();
// Not awaited at the top level, which the bundle cannot do (scripts/bundle.mjs).
main(process.argv.slice(2))
  .catch(reportError)
  .then((status) => {
    process.exitCode = interruptedStatus() ?? status;
  });
