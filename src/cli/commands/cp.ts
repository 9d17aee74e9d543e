/** plyfs cp: files between a container and this machine. */

import { copyFiles } from '../../container/cp.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';
import { refuseTerminal, toStandardOutput } from '../standard-output.js';
import { wordBytes } from '../word-bytes.js';

export const command = newCommand(
  'cp',
  'Copies files and directories between a container and this machine, mounted or not. The rules are those of docker cp: into a directory\n' +
    'that is there, or under a new name; DIRECTORY/. means what is in it. "-" is a tar on standard output or standard input.',
  ['plyfs cp web:/etc/hosts .', 'plyfs cp conf/ web:/etc/', 'plyfs cp -a ./site/. web:/srv', 'plyfs cp web:/etc - | tar t'],
)
  .argument('<source>', 'CONTAINER:PATH or a path here')
  .argument('<destination>', 'the other of the two')
  .option('-a, --archive', 'keep owners')
  .option('-L, --follow-link', 'copy what a symlink named as the source points to')
  .option('-q, --quiet', 'understood: there is no progress to leave out')
  .action(async (source: string, destination: string, options: { archive?: boolean; followLink?: boolean }) => {
    const choices = { keepsOwners: options.archive === true, follow: options.followLink === true, bytesOf: wordBytes };
    if (destination === '-') refuseTerminal('use a pipe');
    const streams = { input: process.stdin as AsyncIterable<Buffer>, write: toStandardOutput }; // no encoding
    const warnings = await copyFiles(new Store(), source, destination, choices, streams);
    for (const warning of warnings) process.stderr.write(`plyfs: ${warning}\n`);
  });
