/** Manual pages in roff (man(7)), a page for each command and one for all. */

import type { CommandFacts } from './command-facts.js';

export interface ManPage {
  /** `plyfs-mount.1` */
  readonly file: string;
  readonly text: string;
}

/** The page of plyfs itself comes first. */
export function manPages(commands: readonly CommandFacts[], version: string): ManPage[] {
  return [
    { file: 'plyfs.1', text: overview(commands, version) },
    ...commands.map((command) => ({ file: `plyfs-${command.name}.1`, text: pageOf(command, version) })),
  ];
}

function overview(commands: readonly CommandFacts[], version: string): string {
  return [
    heading('plyfs', version),
    section('NAME', 'plyfs \\- union file system for container images'),
    section('SYNOPSIS', '.B plyfs\n.I command\n[options]'),
    section(
      'DESCRIPTION',
      plain(
        'Merges layers copy-on-write and mounts the view; keeps images and containers; looks into images without unpacking them.',
      ),
    ),
    section('COMMANDS', commands.map(({ name, summary }) => `.TP\n.BR plyfs\\-${plain(name)} (1)\n${line(summary)}`).join('\n')),
    section('ENVIRONMENT', definitions(environment)),
    section('EXIT STATUS', plain('0 for success, 1 for what could not be done, 2 for words that make no sense.')),
    section(
      'EXAMPLES',
      block(['plyfs mount --layer base --layer app --upper changes /mnt', 'plyfs load -i app.tar', 'plyfs mount app:1 /mnt']),
    ),
    section('SEE ALSO', '.BR mount (8),\n.BR fusermount3 (1)'),
  ].join('');
}

const environment: readonly (readonly [string, string])[] = [
  ['PLYFS_ROOT', 'where the store lies; by default /var/lib/plyfs for root, ~/.local/share/plyfs for others'],
  ['PLYFS_TRACE', 'topics to trace: fuse, copyup, store, ...'],
  ['PLYFS_LIMITS', 'limits for archives and layers: layers=1000,...'],
  ['SOURCE_DATE_EPOCH', 'seconds since 1970 that new images say they were made at'],
  ['NO_COLOR', 'no colours'],
];

function pageOf(command: CommandFacts, version: string): string {
  const name = `plyfs-${command.name}`;
  const operands = command.operands.filter(({ summary }) => summary !== '');
  return [
    heading(name, version),
    section('NAME', `${plain(name)} \\- ${plain(command.summary)}`),
    section('SYNOPSIS', command.usage.map((usage) => `.B ${plain(usage)}`).join('\n.br\n')),
    section('DESCRIPTION', command.description.split('\n').map(line).join('\n.PP\n')),
    ...(operands.length === 0 ? [] : [section('ARGUMENTS', definitions(operands.map(({ shown, summary }) => [shown, summary])))]),
    ...(command.options.length === 0
      ? []
      : [section('OPTIONS', definitions(command.options.map((option) => [spelled(option), option.summary])))]),
    section('EXAMPLES', block(command.examples)),
    section('SEE ALSO', '.BR plyfs (1)'),
  ].join('');
}

function spelled({ names, value }: CommandFacts['options'][number]): string {
  return names.join(', ') + (value === undefined ? '' : ` ${value}`);
}

function heading(name: string, version: string): string {
  return `.TH ${plain(name.toUpperCase())} 1 "" "plyfs ${version}" "plyfs manual"\n`;
}

function section(title: string, body: string): string {
  return `.SH ${title}\n${body}\n`;
}

function definitions(rows: readonly (readonly [string, string])[]): string {
  return rows.map(([term, what]) => `.TP\n.B ${plain(term)}\n${line(what)}`).join('\n');
}

/** Lines that stay as they are. */
function block(lines: readonly string[]): string {
  return `.nf\n${lines.map(line).join('\n')}\n.fi`;
}

/** A line of text, which must not be taken for a request. */
function line(text: string): string {
  return plain(text).replace(/^(?=[.'])/, '\\&');
}

function plain(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti');
}
