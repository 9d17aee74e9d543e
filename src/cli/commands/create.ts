/** plyfs create: a container of an image. */

import { existsSync } from 'node:fs';
import { PlyfsError } from '../../base/errors.js';
import { newContainer } from '../../container/create.js';
import { Store } from '../../store/store.js';
import { collected, newCommand } from '../command.js';
import { pullFirst } from '../pull-first.js';

interface Options {
  name?: string;
  interactive?: boolean;
  tty?: boolean;
  env: string[];
  label: string[];
  user?: string;
  workdir?: string;
  hostname?: string;
  entrypoint?: string;
  pull?: string;
  platform?: string;
}

export const command = newCommand(
  'create',
  'Makes a container: a writable tree over an image of the store, kept until plyfs rm. Prints its ID.\n' +
    'What it is to run is kept with it: inspect and ps show it, commit takes it into the image.',
  [
    'plyfs create --name web app:1.0',
    'plyfs create -it -e DEBUG=1 app:1.0 /bin/sh',
    'plyfs mount "$(plyfs create app:1.0)" /mnt',
  ],
)
  .argument('<image>', 'a name, ID or digest in the store')
  .argument('[command...]', 'what it is to run, with its arguments')
  .passThroughOptions()
  .option('--name <name>', 'what it is called; without it the first 12 characters of its ID')
  .option('-i, --interactive', 'it reads its standard input')
  .option('-t, --tty', 'it has a terminal')
  .option('-e, --env <name=value>', 'a variable of its environment; may be repeated', collected, [])
  .option('-l, --label <key=value>', 'a label; may be repeated', collected, [])
  .option('-u, --user <name|uid[:group|gid]>', 'whom it runs as')
  .option('-w, --workdir <path>', 'where it starts')
  .option('-h, --hostname <name>', 'its host name')
  .helpOption('--help', 'display help for command')
  .option('--entrypoint <program>', "instead of the image's")
  .option(
    '--pull <when>',
    'fetch the image first: always, missing or never; by default where it is missing and its name says the registry',
  )
  .option('--platform <os/arch>', 'which image of an index to fetch')
  .action(async (image: string, words: string[], { name, interactive, tty, label, ...options }: Options) => {
    const modes = { isInteractive: interactive === true, isTerminal: tty === true };
    const store = new Store();
    const named = await pullFirst(store, image, options);
    const container = await newContainer(store, named, name, { ...options, ...modes, labels: label, command: words }).catch(
      (error: unknown) => {
        throw isFile(error, image)
          ? new PlyfsError('no-image', `${image} is a file, and no image of the store: plyfs load -i ${image} makes it one`)
          : error;
      },
    );
    process.stdout.write(`${container.id}\n`);
  });

function isFile(error: unknown, image: string): boolean {
  return error instanceof PlyfsError && (error.code === 'no-image' || error.code === 'reference') && existsSync(image);
}
