/** Listings: a table for people, JSON for programs, or a Go template for each row, chosen as docker's listings choose. */

import { shown } from '../base/shown.js';
import { jsonText } from '../template/docker.js';
import type { GoMethod, GoStruct, GoValue } from '../template/values.js';
import { listingFormat } from './format.js';

/** A column: its heading and the field of the row that it shows. */
export type Column = readonly [heading: string, field: string];

export interface ListingOptions {
  readonly json?: boolean;
  /** A Go template; `table TEMPLATE` prints headings too, `json` one object a line. */
  readonly format?: string;
  /** Print nothing but this field of each row. */
  readonly only?: string | undefined;
  /** Of each row, for `{{.Label "key"}}`. */
  readonly labels?: readonly Readonly<Record<string, string>>[];
}

/** What a row shows, by docker's names of fields. */
export type Row = Readonly<Record<string, string>>;

/** `objects` are what --json prints, one for each row. */
export function printListing(
  rows: readonly Row[],
  columns: readonly Column[],
  options: ListingOptions,
  objects: readonly unknown[] = rows,
): void {
  process.stdout.write(listingText(rows, columns, options, objects));
}

export function listingText(
  rows: readonly Row[],
  columns: readonly Column[],
  options: ListingOptions,
  objects: readonly unknown[] = rows,
): string {
  if (options.json === true) return `${JSON.stringify(objects, undefined, 2)}\n`;
  const { format, only } = options;
  if (only !== undefined) return lines(rows.map((row) => row[only] ?? ''));
  const values = rows.map((row, at) => rowValue(row, options.labels?.[at]));
  const trimmed = format?.trim();
  if (trimmed === 'json') return lines(values.map(jsonText));
  if (trimmed?.startsWith('table ')) return templateTable(values, columns, trimmed.slice('table '.length).trim());
  if (trimmed !== undefined && trimmed !== 'table' && trimmed !== '') {
    const template = listingFormat(trimmed);
    return lines(values.map((value) => template.run(value)));
  }
  return tableText(
    columns.map(([heading]) => heading),
    rows.map((row) => columns.map(([, field]) => row[field] ?? '')),
  );
}

/** `table {{.ID}}\t{{.Size}}`: the cells of each line are what tabs part, the headings those of the fields. */
function templateTable(values: readonly GoValue[], columns: readonly Column[], text: string): string {
  const template = listingFormat(text);
  const rows = values.map((value) => template.run(value).split('\t'));
  return tableText(template.headings(headingsOf(columns)).split('\t'), rows);
}

/** A row as docker's templates see it: its fields sorted, as `json` prints them. */
function rowValue(row: Row, labels: Readonly<Record<string, string>> | undefined): GoStruct {
  const fields = Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1));
  const methods: [string, GoValue][] = labels === undefined ? [] : [['Label', labelMethod((key) => labels[key] ?? '')]];
  return { kind: 'struct', name: 'a row', fields: new Map<string, GoValue>([...fields, ...methods]), aliases: {} };
}

/** Every field has a heading: that of its column, or its name in words. */
function headingsOf(columns: readonly Column[]): GoStruct {
  const named = new Map<string, GoValue>([...furtherHeadings, ...columns.map(([heading, field]) => [field, heading] as const)]);
  // docker shows the last part of a label's name
  named.set(
    'Label',
    labelMethod((key) => (key.split('.').at(-1) ?? '').replaceAll(/[-_]/g, ' ')),
  );
  return { kind: 'struct', name: 'the headings', fields: named, aliases: {} };
}

function labelMethod(valueOfKey: (key: string) => string): GoMethod {
  return { kind: 'method', function: { parameters: ['string'], call: ([key]) => valueOfKey(String(key)) } };
}

/** Of fields that are in no column. */
const furtherHeadings = [
  ...([
    ['Command', 'COMMAND'],
    ['Comment', 'COMMENT'],
    ['Containers', 'CONTAINERS'],
    ['CreatedAt', 'CREATED AT'],
  ] as const),
  ...([
    ['CreatedBy', 'CREATED BY'],
    ['CreatedSince', 'CREATED'],
    ['Digest', 'DIGEST'],
    ['Labels', 'LABELS'],
  ] as const),
  ...([
    ['LocalVolumes', 'LOCAL VOLUMES'],
    ['Mount', 'MOUNT'],
    ['Mounts', 'MOUNTS'],
    ['Networks', 'NETWORKS'],
  ] as const),
  ...([
    ['Platform', 'PLATFORM'],
    ['Ports', 'PORTS'],
    ['RunningFor', 'CREATED'],
    ['Size', 'SIZE'],
  ] as const),
  ...([
    ['SharedSize', 'SHARED SIZE'],
    ['State', 'STATE'],
    ['UniqueSize', 'UNIQUE SIZE'],
    ['VirtualSize', 'SIZE'],
  ] as const),
];

/** Columns parted by three blanks, as docker's. */
export function tableText(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings, ...rows.map((row) => row.map(shown))];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => [...(row[column] ?? '')].length)));
  return lines(
    all.map((row) =>
      row
        .map((cell, column) => (column === row.length - 1 ? cell : cell + ' '.repeat(widths[column]! - [...cell].length + 3)))
        .join('')
        .trimEnd(),
    ),
  );
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('');
}
