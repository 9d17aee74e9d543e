/** Listings: a table for people, JSON for programs, or a Go template for each row, chosen as docker's listings choose. */

import { renderTemplate } from './template.js';

/** A column: its heading and the field of the row that it shows. */
export type Column = readonly [heading: string, field: string];

export interface ListingOptions {
  readonly json?: boolean;
  /** A Go template; `table TEMPLATE` prints headings too, `json` one object a line. */
  readonly format?: string;
  /** Print nothing but this field of each row. */
  readonly only?: string | undefined;
}

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
  if (format === 'json' || format === '{{json .}}') return lines(rows.map((row) => JSON.stringify(row)));
  if (format?.startsWith('table ')) return templateTable(rows, columns, format.slice('table '.length));
  if (format !== undefined && format !== 'table') return lines(rows.map((row) => renderTemplate(format, row)));
  return tableText(
    columns.map(([heading]) => heading),
    rows.map((row) => columns.map(([, field]) => row[field] ?? '')),
  );
}

/** `table {{.ID}}\t{{.Size}}`: the cells of each line are what tabs part, the headings those of the fields. */
function templateTable(rows: readonly Row[], columns: readonly Column[], template: string): string {
  const text = template.replaceAll('\\t', '\t');
  const headings = Object.fromEntries(columns.map(([heading, field]) => [field, heading]));
  const cells = (row: Row): string[] => renderTemplate(text, row).split('\t');
  return tableText(cells(headings), rows.map(cells));
}

/** Columns parted by three blanks, as docker's. */
export function tableText(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings, ...rows];
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
