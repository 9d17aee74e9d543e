/** plyfs images: what the store holds, in docker's columns. */

import { filterImages, type ImageRow, listImages } from '../../image/listing.js';
import { Store } from '../../store/store.js';
import { collected, newCommand } from '../command.js';
import { type Column, printListing, type Row } from '../table.js';
import { ageText, sizeText, timeText } from '../units.js';

interface Options {
  all?: boolean;
  digests?: boolean;
  filter: string[];
  format?: string;
  json?: boolean;
  trunc: boolean;
  quiet?: boolean;
}

export const command = newCommand('images', 'Lists the images in the store, the newest first.', [
  'plyfs images',
  'plyfs images -q --filter dangling=true',
  "plyfs images --format '{{.Repository}}:{{.Tag}} {{.Size}}'",
])
  .argument('[repository[:tag]]', 'only these; * matches within a name')
  .option('-a, --all', 'nameless images that a commit is based on too')
  .option('--digests', "show the manifest's digest")
  .option('-f, --filter <key=value>', 'dangling, label, before, since, until, reference', collected, [])
  .option('--format <template>', 'a Go template, "table TEMPLATE" or "json"')
  .option('--json', 'print a JSON array')
  .option('--no-trunc', 'whole IDs')
  .option('-q, --quiet', 'print IDs only')
  .action((pattern: string | undefined, options: Options) => {
    const store = new Store();
    const images = filterImages(store, listImages(store, options.all === true), [
      ...options.filter,
      ...(pattern === undefined ? [] : [`reference=${pattern}`]),
    ]);
    const digest: Column[] = options.digests === true ? [['DIGEST', 'Digest']] : [];
    const columns: Column[] = [
      ['REPOSITORY', 'Repository'],
      ['TAG', 'Tag'],
      ...digest,
      ['IMAGE ID', 'ID'],
      ['CREATED', 'CreatedSince'],
      ['SIZE', 'Size'],
      ['SHARED SIZE', 'SharedSize'],
      ['UNIQUE SIZE', 'UniqueSize'],
    ];
    const rows = images.map((image) => rowOf(image, options.trunc));
    const shown = options.quiet === true ? rows.filter((row, at) => rows.findIndex((other) => other.ID === row.ID) === at) : rows;
    printListing(shown, columns, { ...options, only: options.quiet === true ? 'ID' : undefined }, images);
  });

function rowOf(image: ImageRow, trunc: boolean): Row {
  return {
    ID: trunc ? image.id.slice(7, 19) : image.id,
    Repository: image.repository ?? '<none>',
    Tag: image.tag ?? '<none>',
    Digest: image.digest,
    CreatedSince: ageText(image.created),
    CreatedAt: timeText(image.created),
    Size: sizeText(image.sizeBytes),
    SharedSize: sizeText(image.sharedBytes),
    UniqueSize: sizeText(image.uniqueBytes),
    Containers: String(image.containers),
    Platform: image.platform,
  };
}
