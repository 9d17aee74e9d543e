/** plyfs waste: bytes that an image ships and nobody sees. */

import { jsonName, shownText } from '../../base/shown.js';
import { accountOf } from '../../image/changes/accounting.js';
import { newCommand, wholeNumber } from '../command.js';
import { type ImageOptions, withImage, withStack } from '../image-arguments.js';
import { tableText } from '../table.js';
import { sizeText } from '../units.js';

interface Options extends ImageOptions {
  json?: boolean;
  lines: number;
}

export const command = withImage(
  newCommand('waste', 'Lists files that lower layers ship and upper layers replace or delete, the most bytes first.', [
    'plyfs waste app.tar',
    'plyfs waste -n 5 busybox',
  ]),
)
  .option('-n, --lines <n>', 'not more than this many paths', wholeNumber, 20)
  .option('--json', 'print a JSON object with all paths')
  .action((image: string, options: Options) =>
    withStack(image, options, (stack) => {
      const { waste, wastedBytes, totalBytes } = accountOf(stack);
      if (options.json === true) {
        process.stdout.write(
          `${JSON.stringify({ wastedBytes, totalBytes, paths: waste.map((one) => ({ ...one, ...jsonName('path', one.path) })) }, undefined, 2)}\n`,
        );
        return;
      }
      const shown = waste.slice(0, options.lines);
      const rows = shown.map((one) => [
        sizeText(one.bytes),
        String(one.times),
        one.shippedBy.join(','),
        one.hiddenBy.join(','),
        shownText(one.path),
      ]);
      if (rows.length > 0) process.stdout.write(tableText(['WASTED', 'TIMES', 'SHIPPED BY', 'HIDDEN BY', 'PATH'], rows));
      if (waste.length > shown.length) process.stdout.write(`... and ${waste.length - shown.length} more\n`);
      const share = totalBytes === 0 ? 0 : (wastedBytes / totalBytes) * 100;
      process.stdout.write(`${sizeText(wastedBytes)} of ${sizeText(totalBytes)} are wasted (${share.toFixed(1)} %)\n`);
    }),
  );
