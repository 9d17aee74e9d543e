/** The readers of JSON documents: kept documents are read or refused as they must be, and whatever is done to them, they are read or refused
 *  with a sentence, soon, and nothing outside the archive is read. test/search.ts tells how to repeat a case. */

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { FsError, PlyfsError } from '../../../src/base/errors.js';
import { locateImage } from '../../../src/image/find/locate.js';
import { chainIds, historyOfLayers, parseImageConfig } from '../../../src/oci/config.js';
import { parseDockerManifest } from '../../../src/oci/docker-archive.js';
import { parseManifest } from '../../../src/oci/manifest.js';
import { platformText } from '../../../src/oci/platform.js';
import { Store } from '../../../src/store/store.js';
import {
  archiveOf,
  descriptor,
  hexOf,
  layerWith,
  legacyArchive,
  type Members,
  ociArchive,
  partsOf,
} from '../../support/archive-bytes.js';
import { changedValue, type KeptDocument, keptDocuments, type Reader } from '../../support/document-corpus.js';
import type { Random } from '../../support/random.js';
import { search } from '../../support/search.js';
import { isRepeated } from '../../support/seed.js';

/** No document may take longer, however it is built. */
const slowMs = 2000;
const scratch = mkdtempSync(join(tmpdir(), 'plyfs-documents-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** Reads a document and uses what came of it, as the commands do. */
const readers: Record<Reader, (bytes: Buffer) => void> = {
  config: (bytes) => {
    const config = parseImageConfig(bytes, 'config');
    assert.equal(historyOfLayers(config).length, config.diffIds.length);
    assert.equal(chainIds(config.diffIds).length, config.diffIds.length);
    JSON.stringify([config.document, platformText(config.platform)]);
  },
  manifest: (bytes) => void JSON.stringify(parseManifest(bytes, 'manifest')),
  'docker-manifest': (bytes) => void JSON.stringify(parseDockerManifest(bytes, 'manifest.json')),
};
const names = Object.keys(readers) as Reader[]; // the keys of the table
const corpus = new Map(names.map((reader) => [reader, keptDocuments(reader)]));

function isRefusal(error: unknown): boolean {
  return (
    (error instanceof PlyfsError && error.message.length < 20_000 && !/\p{Cc}/u.test(error.message)) || error instanceof FsError
  );
}

for (const reader of names) {
  test(`kept documents for the reader of a ${reader} are read or refused as they must be`, () => {
    for (const { name, bytes, isRead } of corpus.get(reader)!) {
      if (isRead) assert.doesNotThrow(() => readers[reader](bytes), name);
      else assert.throws(() => readers[reader](bytes), isRefusal, name);
    }
  });
}

/** Either the text is damaged or the value in it is changed. */
function damaged({ bytes }: KeptDocument, random: Random): Buffer {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {
    value = undefined; // kept for not being JSON
  }
  if (value !== undefined && random.below(4) > 0) {
    for (let times = 1 + random.below(3); times > 0; times--) value = changedValue(value, random);
    return Buffer.from(JSON.stringify(value));
  }
  const copy = Buffer.from(bytes);
  if (copy.length === 0) return copy;
  const at = random.below(copy.length);
  if (random.below(2) === 0) return Buffer.concat([copy.subarray(0, at), copy.subarray(random.below(copy.length))]);
  copy[at] = random.below(256);
  return copy;
}

test('damaged documents are read or refused', async (t) => {
  const count = await search(
    'documents',
    (random) => {
      const reader = random.pick(names);
      try {
        readers[reader](damaged(random.pick(corpus.get(reader)!), random));
      } catch (error) {
        if (!isRefusal(error)) throw error;
      }
    },
    { slowMs },
  );
  t.diagnostic(`${count} damaged documents`);
});

const parts = partsOf(layerWith('a', 'a'), layerWith('b', 'b'));
const jsonOf = (members: Members, name: string): unknown => JSON.parse(String(members.get(name)));
const bytesOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** An archive with one document changed, mostly, and right digests on the way to it. */
function changedArchive(random: Random): Members {
  if (random.below(8) === 0) return ociArchive(parts);
  const config = random.below(2) === 0 ? (changedValue(parts.config, random) as object) : parts.config; // any JSON is worth a try
  if (random.below(3) === 0) {
    const members = legacyArchive({ ...parts, config: config ?? {} });
    members.set('manifest.json', bytesOf(changedValue(jsonOf(members, 'manifest.json'), random)));
    return members;
  }
  const members = ociArchive({ ...parts, config: config ?? {} }, { 'org.opencontainers.image.ref.name': 'v1' });
  const index = jsonOf(members, 'index.json') as { manifests: { digest: string; mediaType: string }[] }; // ociArchive made it
  const listed = index.manifests[0]!; // one image
  const manifest = bytesOf(changedValue(jsonOf(members, `blobs/sha256/${listed.digest.slice(7)}`), random));
  members.set(`blobs/sha256/${hexOf(manifest)}`, manifest);
  const changed = { ...index, manifests: [{ ...listed, ...descriptor(listed.mediaType, manifest) }] };
  members.set('index.json', bytesOf(random.below(2) === 0 ? changed : changedValue(changed, random)));
  return members;
}

/** The same as a directory. */
function layoutOf(members: Members): string {
  const path = join(scratch, 'layout');
  rmSync(path, { recursive: true, force: true });
  for (const [name, bytes] of members) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    if (Buffer.isBuffer(bytes)) writeFileSync(join(path, name), bytes);
  }
  return path;
}

test('archives and layouts with changed documents lead nowhere outside themselves', async (t) => {
  const store = new Store(join(scratch, 'store'));
  let read = 0;
  const count = await search(
    'archives',
    async (random) => {
      const members = changedArchive(random);
      const archive = join(scratch, 'archive.tar');
      writeFileSync(archive, archiveOf(members));
      const path = members.has('oci-layout') && random.below(2) === 0 ? layoutOf(members) : archive;
      try {
        const { layers } = await locateImage(store, path);
        for (const { location } of layers) {
          assert.ok(location.path === path || location.path.startsWith(`${path}/blobs/`), location.path);
          assert.ok(location.start >= 0 && location.start + location.size <= statSync(location.path).size);
        }
        read++;
      } catch (error) {
        if (!isRefusal(error)) throw error;
      }
    },
    { slowMs },
  );
  t.diagnostic(`${count} archives, ${read} of them readable`);
  if (!isRepeated) assert.ok(read > 0 && read < count);
});
