import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesFromName, nameFromBytes, nameFromText, textFromName } from '../../../src/base/name.js';

test('a name keeps every byte, UTF-8 or not', () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  assert.deepEqual(bytesFromName(nameFromBytes(bytes)), bytes);
  assert.equal(textFromName(nameFromText('grüße')), 'grüße');
  assert.equal(nameFromText('ü').length, 2);
});
