/** plyfs commit: the changes of a container, or of any upper, as an image. */

import { PlyfsError } from '../../base/errors.js';
import { type CommittedContainer, commitContainer, commitDirectory } from '../../container/commit.js';
import type { CommitOptions } from '../../image/make/commit.js';
import { getImage } from '../../store/resolve.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';
import { Progress } from '../progress.js';

interface Options {
  author?: string;
  message?: string;
  change: string[];
  pause: string | boolean;
  upper?: string;
  onto?: string;
  nanoseconds?: boolean;
  explicitWhiteouts?: boolean;
  quiet?: boolean;
}

export const command = newCommand(
  'commit',
  "Makes an image of a container's changes: one more layer, read from the upper alone. Prints the image's ID.\n" +
    'The same upper gives the same layer on any machine; SOURCE_DATE_EPOCH sets the time of the image and limits those of files.',
  [
    'plyfs commit web app:1.1',
    'plyfs commit -a xiao -m "edit webapps" -c \'CMD ["nginx"]\' web app:1.1',
    'plyfs commit --upper changes --onto app:1.0 app:1.1    # an upper that any overlay has written',
  ],
)
  .argument('[words...]', 'CONTAINER [NAME[:TAG]]; with --upper only the name')
  .option('-a, --author <text>', 'who made it')
  .option('-m, --message <text>', 'a comment for the history')
  .option(
    '-c, --change <instruction>',
    'CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME or WORKDIR; may be repeated',
    (text: string, all: string[]) => [...all, text],
    [],
  )
  .option('-p, --pause [bool]', 'hold a mounted container still while it is read', 'true')
  .option('--upper <dir>', 'commit this upper directory instead of a container')
  .option('--onto <image>', 'the image that the upper lies on')
  .option('--nanoseconds', 'keep the fractions of times, which docker cuts off')
  .option('--explicit-whiteouts', 'list what a replaced directory hides instead of marking it opaque')
  .option('-q, --quiet', 'print the ID only')
  .action(async (words: string[], options: Options) => {
    const progress = new Progress('Committing', options.quiet);
    const { id, warnings, layer, heldMs } = await progress.during(() => commit(wordsOf(words, options), options, progress));
    for (const warning of warnings) process.stderr.write(`plyfs: ${warning}\n`);
    if (options.quiet !== true && heldMs.length > 0) process.stderr.write(heldText(heldMs));
    if (options.quiet !== true && layer === undefined)
      process.stderr.write('plyfs: nothing has changed: the image has no new layer\n');
    process.stdout.write(`${id}\n`);
  });

function heldText(heldMs: readonly number[]): string {
  const times = heldMs.map((ms) => Math.ceil(ms));
  const again = times.length > 1 ? ', as files were written to before they were read' : '';
  return `plyfs: the mount was held for ${times.join(', then ')} ms${again}\n`;
}

async function commit(words: readonly string[], options: Options, progress: Progress): Promise<CommittedContainer> {
  const { author, message, upper, onto } = options;
  const store = new Store();
  const common = (reference: string | undefined): CommitOptions => ({
    ...{ reference, author, message, changes: options.change, onBytes: progress.onWritten },
    nanoseconds: options.nanoseconds === true,
    explicitWhiteouts: options.explicitWhiteouts === true,
  });
  if (upper === undefined && onto === undefined) {
    const [container, reference, ...more] = words;
    if (container === undefined || more.length > 0) throw usage('name a container and perhaps the new image');
    return commitContainer(store, container, common(reference), !isNo(options.pause));
  }
  const [reference, ...more] = words;
  if (upper === undefined || onto === undefined || more.length > 0)
    throw usage('--upper and --onto belong together, with one name at most');
  return commitDirectory(store, upper, getImage(store.catalog(), onto).image, upper, common(reference), !isNo(options.pause));
}

/** `-p web`: docker's flag has no value there, so what looks like one is the first word. `-p=false` is the flag's own form. */
function wordsOf(words: readonly string[], { pause }: Options): readonly string[] {
  if (typeof pause === 'boolean' || pause === 'true' || pause === 'false') return words;
  if (/^=(true|false|[10])$/.test(pause)) return words;
  if (pause.startsWith('=')) throw usage(`--pause is true or false, not ${pause.slice(1)}`);
  return [pause, ...words];
}

function isNo(pause: string | boolean): boolean {
  return ['false', '=false', '=0'].includes(String(pause));
}

function usage(sentence: string): PlyfsError {
  return new PlyfsError('usage', `${sentence}; plyfs commit --help shows how`);
}
