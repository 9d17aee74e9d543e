/** Archives spoiled at random: whatever the bytes, a refusal is a sentence, and the store stays as it was. A failing seed is printed. */

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { FsError, PlyfsError } from '../../../src/base/errors.js';
import { loadPath } from '../../../src/image/load.js';
import { openImage } from '../../../src/image/open-image.js';
import { parseImageConfig } from '../../../src/oci/config.js';
import { parseDockerManifest } from '../../../src/oci/docker-archive.js';
import { parseManifest } from '../../../src/oci/manifest.js';
import { parseReference } from '../../../src/oci/reference.js';
import { Catalog } from '../../../src/store/catalog.js';
import { Store } from '../../../src/store/store.js';
import { archiveOf, layerWith, legacyArchive, ociArchive, partsOf } from '../../support/archive-bytes.js';
import { Random } from '../../support/random.js';
import { firstSeed as seed } from '../../support/seed.js';
import { rawTar } from '../../support/tar-bytes.js';

const scratch = mkdtempSync(join(tmpdir(), 'plyfs-fuzz-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
const rounds = Number(process.env.PLYFS_FUZZ_ROUNDS ?? 150);

const words = [
  'null',
  '-1',
  '1e400',
  '[]',
  '{}',
  '"../../x"',
  '"sha256:00"',
  '""',
  'true',
  '[[[[',
  '"\\u0000"',
  '9007199254740993',
  '{"a":1}',
];

/** A copy with some of it changed: bits, cut parts, doubled parts, and JSON values put over others. */
function spoil(bytes: Buffer, random: Random): Buffer {
  let copy = Buffer.from(bytes);
  for (let times = 1 + random.below(4); times > 0; times--) {
    const at = random.below(copy.length);
    switch (random.below(5)) {
      case 0:
        copy[at]! ^= 1 << random.below(8);
        break;
      case 1:
        copy = copy.subarray(0, Math.max(1, at));
        break;
      case 2:
        copy = Buffer.concat([copy.subarray(0, at), copy.subarray(random.below(copy.length))]);
        break;
      case 3:
        copy.fill(random.below(256), at, Math.min(copy.length, at + random.below(64)));
        break;
      default:
        copy.write(words[random.below(words.length)]!, at);
    }
  }
  return copy.length === 0 ? Buffer.from('x') : copy;
}

const isRefusal = (error: unknown): boolean => error instanceof PlyfsError || error instanceof FsError;

function check(name: string, round: number, act: () => unknown): void {
  try {
    act();
  } catch (error) {
    assert.ok(isRefusal(error), `${name}, PLYFS_SEED=${seed}, round ${round}: ${(error as Error).stack}`);
  }
}

const lower = rawTar(
  { name: 'etc/a', data: 'aa', pax: [['SCHILY.xattr.user.k', 'v']] },
  { name: 'etc/l', type: '1', link: 'etc/a' },
);
const parts = partsOf(lower, layerWith('etc/.wh.a', ''));
const oci = ociArchive(
  { ...parts, stored: parts.layers.map((layer) => gzipSync(layer)) },
  { 'org.opencontainers.image.ref.name': 'v1' },
);
const archives = [archiveOf(legacyArchive(parts)), archiveOf(oci), gzipSync(archiveOf(legacyArchive(parts)))];

test('documents spoiled at random are read or refused', () => {
  const random = new Random(seed);
  const config = Buffer.from(JSON.stringify(parts.config));
  const manifest = [...oci.values()].find((blob) => Buffer.isBuffer(blob) && blob.includes('"layers"')) as Buffer; // archiveOf made it
  const docker = legacyArchive(parts).get('manifest.json') as Buffer; // no link
  const catalog = Buffer.from('{"images":[],"names":{"a":"sha256:00"}}');
  for (let round = 0; round < rounds * 10; round++) {
    check('config', round, () => parseImageConfig(spoil(config, random), 'c'));
    check('manifest', round, () => parseManifest(spoil(manifest, random), 'm'));
    check('manifest.json', round, () => parseDockerManifest(spoil(docker, random), 'd'));
    check('reference', round, () =>
      parseReference(spoil(Buffer.from('localhost:5000/a/b:tag@sha256:00'), random).toString('latin1')),
    );
    const path = join(scratch, 'catalog.json');
    if (round % 50 === 0) {
      writeFileSync(path, spoil(catalog, random));
      check('catalog', round, () => Catalog.read(path));
    }
  }
});

test('archives spoiled at random are read or refused, and the store stays whole', { timeout: 120_000 }, async () => {
  const random = new Random(seed + 1);
  const store = new Store(join(scratch, 'store'));
  for (let round = 0; round < rounds; round++) {
    const path = join(scratch, 'spoiled.tar');
    writeFileSync(path, spoil(archives[round % archives.length]!, random));
    const before = JSON.stringify([...store.catalog().names]);
    try {
      if (round % 2 === 0) await loadPath(store, path, { platform: undefined });
      else {
        using image = await openImage(path, { root: store.root });
        for (const entry of image.walk()) if (entry.kind === 'file') image.readFile(entry.pathBytes);
      }
    } catch (error) {
      assert.ok(isRefusal(error), `PLYFS_SEED=${seed}, round ${round}: ${(error as Error).stack}`);
      assert.equal(JSON.stringify([...store.catalog().names]), before);
    }
    assert.deepEqual(readdirSync(store.path('tmp')), [], `PLYFS_SEED=${seed}, round ${round}`);
  }
});
