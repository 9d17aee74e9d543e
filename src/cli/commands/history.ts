/** plyfs history: the steps that made an image, the newest first. */

import { locateImage } from '../../image/find/locate.js';
import { type HistoryRow, historyRows } from '../../image/history.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';
import { imageArgument } from '../image-arguments.js';
import { type Column, printListing, type Row } from '../table.js';
import { ageText, ellipsis, sizeText } from '../units.js';

interface Options {
  format?: string;
  human?: boolean;
  json?: boolean;
  trunc: boolean;
  quiet?: boolean;
  platform?: string;
}

const columns: readonly Column[] = [
  ['IMAGE', 'ID'],
  ['CREATED', 'CreatedSince'],
  ['CREATED BY', 'CreatedBy'],
  ['SIZE', 'Size'],
  ['COMMENT', 'Comment'],
];

/** As docker's with --human=false. */
const exactColumns = columns.map((column): Column => (column[1] === 'CreatedSince' ? ['CREATED AT', 'CreatedAt'] : column));

export const command = newCommand('history', 'Lists the steps that made an image, the newest first. Works on archives too.', [
  'plyfs history busybox',
  'plyfs history --no-trunc app.tar',
  "plyfs history --format '{{.Size}} {{.CreatedBy}}' app:1.0",
])
  .argument(...imageArgument)
  .option('--format <template>', 'a Go template, "table TEMPLATE" or "json"')
  .option('-H, --human', 'sizes and dates for people (the default)')
  .option('--no-human', 'bytes and exact dates; --human=false too')
  .option('--json', 'print a JSON array')
  .option('--no-trunc', 'whole IDs and commands')
  .option('-q, --quiet', 'print IDs only')
  .option('--platform <os/arch>', 'which image of an index')
  .action(async (name: string, options: Options) => {
    const store = new Store();
    const rows = await historyRows(store, await locateImage(store, name, options.platform));
    const isHuman = options.human !== false;
    const texts = rows.map((row) => rowOf(row, options.trunc, isHuman));
    printListing(texts, isHuman ? columns : exactColumns, { ...options, only: options.quiet === true ? 'ID' : undefined }, rows);
  });

function rowOf(row: HistoryRow, trunc: boolean, isHuman: boolean): Row {
  const createdBy = row.createdBy.replaceAll(/[\t\n]/g, ' ');
  return {
    ID: row.id === undefined ? '<missing>' : trunc ? row.id.slice(7, 19) : row.id,
    CreatedSince: isHuman ? ageText(row.created) : (row.created ?? ''),
    CreatedAt: row.created ?? '',
    CreatedBy: trunc ? ellipsis(createdBy, 45) : createdBy,
    Size: isHuman ? sizeText(row.sizeBytes) : String(row.sizeBytes),
    Comment: row.comment,
  };
}
