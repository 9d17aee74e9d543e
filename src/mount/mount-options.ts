/** What `-o` options mean here: the values they set. Each option is a row of mount-option-table.ts.
 *
 *  An option that has no meaning here is accepted with a warning, and so is an unknown one, because callers of fuse-overlayfs (podman)
 *  pass what they like and rely on it. An unknown value of a known option is an error. */

import { PlyfsError } from '../base/errors.js';
import { badValue, orList, type Row, rowOf } from './mount-option-table.js';
import type { MountOptions } from './mount-option-values.js';
import { splitOptions } from './option-string.js';

/** Reads the options of `text` into `options`. PlyfsError for a value that an option cannot have. */
export function readMountOptions(text: string, options: MountOptions): void {
  for (const { name, value } of splitOptions(text)) {
    const row = rowOf(name);
    if (row === undefined) options.warnings.push(`option ${name} is not known to plyfs and is ignored`);
    else applyRow(row, name, value, options);
  }
}

function applyRow(row: Row, name: string, value: string | undefined, options: MountOptions): void {
  switch (row.takes) {
    case 'nothing':
      if (value !== undefined) throw badValue(name, value, 'it takes none');
      row.apply(options);
      return;
    case 'value':
      if (value === undefined) throw new PlyfsError('bad-option', `option ${name} needs a value: write ${name}=...`);
      row.apply(options, value, name);
      return;
    case 'switch':
      row.apply(options, switchValue(name, value));
      return;
    case 'anything':
      if (value !== undefined && row.values !== undefined && !row.values.includes(value)) {
        throw badValue(name, value, `use ${orList(row.values)}`);
      }
      if (row.reason !== '' && !row.quiet?.includes(value ?? ''))
        options.warnings.push(`option ${name} is ignored: ${row.reason}`);
      return;
    default:
      row satisfies never;
  }
}

const switchWords = new Map<string | undefined, boolean>([
  [undefined, true],
  ['1', true],
  ['0', false],
  ['on', true],
  ['off', false],
]);

function switchValue(name: string, value: string | undefined): boolean {
  const isOn = switchWords.get(value);
  if (isOn === undefined) throw badValue(name, value ?? '', 'use 0 or 1');
  return isOn;
}
