/** plyfs rebase: an image's own layers move onto another base. */

import { PlyfsError } from '../../base/errors.js';
import { jsonName } from '../../base/shown.js';
import { type Rebased, rebaseImage } from '../../image/make/rebase.js';
import { conflictText } from '../../image/make/rebase-conflicts.js';
import { getImage } from '../../store/resolve.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';

interface Options {
  onto: string;
  from?: string;
  force?: boolean;
  dryRun?: boolean;
  json?: boolean;
  quiet?: boolean;
}

export const command = newCommand(
  'rebase',
  "Makes an image of the layers that IMAGE has above its base, on another base. They are moved as they are. Prints the new image's ID.\n" +
    'The config is merged: what the image itself set stays, what it had from the old base becomes what the new one has.\n' +
    'What both sides changed is reported; the image wins. A rebase that would hide a directory of the new base is refused without\n' +
    '--force, one that leaves a hard link without its file always. Exit status: 0, 1 when refused, 2 for a wrong command line.',
  [
    'plyfs rebase app:1.0 --onto debian:12.2 app:1.0.1',
    'plyfs rebase app:1.0 --from debian:12.1 --onto debian:12.2 --dry-run',
    'plyfs rebase app:1.0 --from 3 --onto alpine:3.20 --json app:alpine    # its lowest three layers are the old base',
  ],
)
  .argument('<image>', 'an image of the store')
  .argument('[name]', 'the name of the new image')
  .requiredOption('--onto <base>', 'the new base, an image of the store')
  .option('--from <old>', 'the old base: an image, or how many of the lowest layers it is; found out where possible')
  .option('--force', 'make the image although parts of the new base are hidden')
  .option('--dry-run', 'make nothing, only report')
  .option('--json', 'print a JSON object with the ID and the conflicts')
  .option('-q, --quiet', 'print the ID only')
  .action(async (text: string, reference: string | undefined, options: Options) => {
    const store = new Store();
    const catalog = store.catalog();
    const rebased = await rebaseImage(store, getImage(catalog, text).image, getImage(catalog, options.onto).image, {
      ...{ imageName: text, baseName: options.onto, from: options.from, reference },
      ...{ force: options.force === true, dryRun: options.dryRun === true },
    });
    if (options.json === true) process.stdout.write(`${JSON.stringify(objectOf(rebased), undefined, 2)}\n`);
    else if (options.quiet !== true) process.stderr.write(reportOf(rebased));
    if (rebased.refusal !== undefined) throw new PlyfsError('conflict', `not rebased: ${rebased.refusal}`);
    if (options.json !== true && rebased.id !== undefined) process.stdout.write(`${rebased.id}\n`);
  });

function reportOf({ oldBase, movedLayers, conflicts, id }: Rebased): string {
  const lines = conflicts.map((conflict) => `plyfs: ${conflictText(conflict)}\n`);
  const moved = `${movedLayers} ${movedLayers === 1 ? 'layer' : 'layers'} above ${oldBase.label}`;
  const count = conflicts.length === 0 ? 'no conflicts' : conflicts.length === 1 ? '1 conflict' : `${conflicts.length} conflicts`;
  return `${lines.join('')}plyfs: ${moved} ${id === undefined ? 'would move' : 'moved'}, ${count}\n`;
}

function objectOf({ id, oldBase, movedLayers, conflicts, refusal }: Rebased): unknown {
  return {
    id: id ?? null,
    oldBase: { layers: oldBase.count, image: oldBase.image?.id ?? null },
    movedLayers,
    refusal: refusal ?? null,
    conflicts: conflicts.map((conflict) => ({
      kind: conflict.kind,
      ...jsonName('path', conflict.path, '/'),
      ...(conflict.target === undefined ? {} : jsonName('target', conflict.target, '/')),
      text: conflictText(conflict),
    })),
  };
}
