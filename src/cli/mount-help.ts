/** What `plyfs mount` takes, as its help and its man page say it. */

import type { CommandFacts } from './command-facts.js';
import { mountFlags } from './mount-arguments.js';
import { listed, terminalWidth, wrapped } from './wrap.js';

const usage = ['plyfs mount [options] IMAGE|CONTAINER TARGET', 'plyfs mount [options] --layer DIR... TARGET'];

const description = `Shows an image, or read-only layer directories merged with a writable upper, at TARGET. An image is a name, ID or digest in the store, or the path of an archive (docker-archive, OCI layout, root tar; plain or compressed), which is not unpacked. A container is mounted writable, with its upper.
Returns when the mount answers; a process in the background serves it until plyfs umount.
In lowerdir the top layer comes first, \\: is a colon in a path and \\, a comma. README.md lists the options.`;

const examples = [
  'plyfs mount app.tar /mnt                     # read-only; --upper changes makes it writable',
  'plyfs mount busybox:latest /mnt --upto 2',
  'plyfs mount --layer base --layer app --upper changes /mnt',
  'plyfs mount -o lowerdir=/layers/app:/layers/base,upperdir=/c/upper,workdir=/c/work /mnt',
  'plyfs mount -o lowerdir=app:base /mnt        # read-only',
];

export function mountFacts(): CommandFacts {
  return {
    name: 'mount',
    summary: 'merge layers and show them as a directory',
    description,
    usage,
    operands: [
      { name: 'image', shown: '[IMAGE|CONTAINER]', summary: 'what to show, without --layer and -o lowerdir=' },
      { name: 'target', shown: 'TARGET', summary: 'the directory to mount on' },
    ],
    options: mountFlags.map(({ names, value, help }) => ({ names, value, summary: help })),
    examples,
  };
}

/** The text of `plyfs mount --help`. */
export function mountHelp(): string {
  const width = terminalWidth();
  const rows = mountFlags.map(
    ({ names, value, help }) => [`${names.join(', ')}${value === undefined ? '' : ` ${value}`}`, help] as const,
  );
  // A pipe gets lines that are read easily all the same.
  return `Usage: ${usage.join('\n       ')}

${wrapped(description, width ?? 130)}

Options:
${listed(rows, width)}

Examples:
${examples.map((line) => `  ${line}`).join('\n')}
`;
}
