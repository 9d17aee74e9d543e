/** The kept documents of test/corpus (its README.md says what they are), and what a fuzz test does to JSON. */

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Random } from './random.js';

export type Reader = 'config' | 'manifest' | 'docker-manifest';

export interface KeptDocument {
  readonly name: string;
  readonly bytes: Buffer;
  /** Whether it must be accepted. */
  readonly isRead: boolean;
}

/** From dist/test. */
const directory = new URL('../../../test/corpus/documents/', import.meta.url);

export function keptDocuments(reader: Reader): KeptDocument[] {
  const folder = new URL(`${reader}/`, directory);
  return readdirSync(folder)
    .sort()
    .map((file) => {
      const bytes = readFileSync(fileURLToPath(new URL(file, folder)));
      const isHex = file.endsWith('.hex');
      return {
        name: `${reader}/${file}`,
        bytes: isHex ? Buffer.from(bytes.toString('latin1').replace(/\s/g, ''), 'hex') : bytes,
        isRead: file.startsWith('read-'),
      };
    });
}

/** What is put in the place of a value. */
const oddities: readonly unknown[] = [
  null,
  true,
  -1,
  0.5,
  2 ** 53,
  1e308,
  '',
  '..',
  '../../../../../../etc/passwd',
  '/etc/passwd',
  'a'.repeat(70_000),
  '\0',
  '\ud800',
  `sha256:${'0'.repeat(64)}`,
  'sha256:',
  'sha512:00',
  [],
  {},
  [[[[]]]],
  { mediaType: 'x', digest: 'sha256:00', size: 0 },
];

/** A copy of a JSON value with one thing in it changed: a value put over another, a member or item gone, doubled or moved. */
export function changedValue(value: unknown, random: Random): unknown {
  if (typeof value !== 'object' || value === null || random.below(4) === 0) return random.pick(oddities);
  if (Array.isArray(value)) return changedList(value, random);
  const members = Object.entries(value);
  if (members.length === 0) return random.pick(oddities);
  const at = random.below(members.length);
  const [key, inner] = members[at]!; // `below` stays inside
  const changed = random.below(6);
  if (changed === 0) members.splice(at, 1);
  else if (changed === 1) members[at] = [random.pick(members)[0], inner];
  else members[at] = [key, changedValue(inner, random)];
  return Object.fromEntries(members);
}

function changedList(list: readonly unknown[], random: Random): unknown {
  if (list.length === 0) return [random.pick(oddities)];
  const at = random.below(list.length);
  const changed = random.below(6);
  if (changed === 0) return list.filter((_, i) => i !== at);
  if (changed === 1) return Array.from({ length: 1 + random.below(40) }, () => list[at]);
  return list.map((item, i) => (i === at ? changedValue(item, random) : item));
}
