/** plyfs layers: what each layer of an image did. */

import { accountOf, type LayerAccount } from '../../image/changes/accounting.js';
import { newCommand } from '../command.js';
import { type ImageOptions, withImage, withStack } from '../image-arguments.js';
import { type Column, printListing } from '../table.js';
import { ellipsis, sizeText } from '../units.js';

interface Options extends ImageOptions {
  trunc: boolean;
  json?: boolean;
  format?: string;
}

const columns: readonly Column[] = [
  ['LAYER', 'Number'],
  ['DIGEST', 'Digest'],
  ['TAR', 'TarSize'],
  ['SIZE', 'Size'],
  ['ADDED', 'Added'],
  ['REPLACED', 'Replaced'],
  ['DELETED', 'Deleted'],
  ['HIDDEN', 'Hidden'],
  ['CREATED BY', 'CreatedBy'],
];

export const command = withImage(
  newCommand(
    'layers',
    'Lists the layers of an image, the top first: digest of the tar, sizes, names added, replaced and deleted, bytes that layers above hide, and the step that made it.',
    ['plyfs layers app.tar', 'plyfs layers --no-trunc --json busybox'],
  ),
)
  .option('--format <template>', 'a Go template, "table TEMPLATE" or "json"')
  .option('--json', 'print a JSON array')
  .option('--no-trunc', 'whole digests and commands')
  .action((image: string, options: Options) =>
    withStack(image, options, (stack) => {
      const layers = [...accountOf(stack).layers].reverse().map(factsOf);
      const rows = layers.map((facts) => ({
        Number: String(facts.number),
        Digest: options.trunc ? facts.digest.replace(/^sha256:([0-9a-f]{12}).*/, '$1') : facts.digest,
        TarSize: sizeText(facts.tarBytes),
        Size: sizeText(facts.contentBytes),
        Added: String(facts.added),
        Replaced: String(facts.replaced),
        Deleted: String(facts.deleted),
        Hidden: sizeText(facts.hiddenBytes),
        CreatedBy: options.trunc ? ellipsis(facts.createdBy, 45) : facts.createdBy,
      }));
      printListing(rows, columns, options, layers);
    }),
  );

function factsOf({ layer, added, replaced, deleted, hiddenBytes }: LayerAccount) {
  return {
    number: layer.number,
    digest: layer.label,
    tarBytes: layer.layer.index.archiveBytes,
    contentBytes: layer.layer.index.contentBytes(),
    entries: layer.layer.index.entries - 1,
    added,
    replaced,
    deleted,
    hiddenBytes,
    created: layer.history?.created,
    createdBy: (layer.history?.createdBy ?? '').replaceAll(/[\t\n]/g, ' '),
  };
}
