/** plyfs rmi: takes names from images, and removes those without one left. */

import { PlyfsError } from '../../base/errors.js';
import { type Removed, removeImage } from '../../store/images.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';
import { reportError } from '../report.js';

export const command = newCommand(
  'rmi',
  'Removes images: a name goes, and the image with its last one; layers that other images have stay.',
  ['plyfs rmi app:1.0', 'plyfs rmi -f 3f57d9401f8d'],
)
  .argument('<images...>', 'names, IDs or digests')
  .option(
    '-f, --force',
    'also by an ID that has several names, and though a container uses it; one that is not there is no failure',
  )
  .option('--no-prune', 'taken, as by docker: parents without a name stay anyway')
  .action(async (images: string[], options: { force?: boolean }) => {
    const store = new Store();
    let failures = 0;
    for (const image of images) {
      try {
        process.stdout.write(describe(await removeImage(store, image, options.force === true)));
      } catch (error) {
        if (!(error instanceof PlyfsError)) throw error;
        reportError(error);
        if (options.force !== true || error.code !== 'no-image') failures++;
      }
    }
    if (failures > 0) process.exitCode = 1;
  });

function describe(removed: Removed): string {
  return linesOf(removed)
    .map(([verb, what]) => `${verb}: ${what}\n`)
    .join('');
}

/** In docker's order: the names, the image, its layers from the top. */
export function linesOf({ untagged, deleted, layers }: Removed): ['Untagged' | 'Deleted', string][] {
  const gone = deleted === undefined ? [] : [deleted, ...layers];
  return [
    ...untagged.map((name): ['Untagged', string] => ['Untagged', name]),
    ...gone.map((digest): ['Deleted', string] => ['Deleted', digest]),
  ];
}
