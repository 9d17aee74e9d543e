/** plyfs inspect: everything the store knows of an image, as docker's JSON. */

import { PlyfsError } from '../../base/errors.js';
import { inspectImage } from '../../image/inspect.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';
import { reportError } from '../report.js';
import { renderTemplate } from '../template.js';

export const command = newCommand('inspect', 'Prints what is known of images as a JSON array.', [
  'plyfs inspect busybox',
  "plyfs inspect --format '{{.Config.Env}}' app:1.0",
  "plyfs inspect -f '{{json .RootFS.Layers}}' 3f57d9401f8d",
])
  .argument('<images...>', 'names, IDs or digests')
  .option('-f, --format <template>', 'a Go template for each')
  .option('--json', 'print a JSON array, as without it')
  .action((texts: string[], options: { format?: string }) => {
    const store = new Store();
    const found: unknown[] = [];
    for (const text of texts) {
      try {
        found.push(inspectImage(store, text));
      } catch (error) {
        if (!(error instanceof PlyfsError)) throw error;
        process.exitCode = reportError(error);
      }
    }
    const { format } = options;
    const text =
      format === undefined ? JSON.stringify(found, undefined, 4) : found.map((image) => renderTemplate(format, image)).join('\n');
    process.stdout.write(`${text}\n`);
  });
