/** The list of what the fuse-native driver cannot express: the notes show it, and the case list leaves out nothing else. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Limit, limitTable, unsupported } from '../../../../src/fuse/libfuse/unsupported.js';
import { allCases } from '../../../cases/all.js';

test('the table in native-notes/fuse-native.md is the list of the driver', () => {
  const notes = readFileSync('native-notes/fuse-native.md', 'utf8');
  assert.ok(notes.includes(limitTable()), `put this table into the notes:\n${limitTable()}`);
});

test('a case that is left out on fuse-native names a limit of the list', () => {
  const reasons = new Set(Object.values<Limit>(unsupported).map(({ reason }) => reason));
  for (const { name, differs } of allCases) {
    const reason = differs?.['fuse-native'];
    if (reason !== undefined) assert.ok(reasons.has(reason), `${name}: ${reason}`);
  }
});
