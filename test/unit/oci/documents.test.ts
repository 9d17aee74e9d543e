import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDigest, sha256Of } from '../../../src/base/digest.js';
import { defaultLimits } from '../../../src/base/limits.js';
import { chainIds, historyOfLayers, parseImageConfig } from '../../../src/oci/config.js';
import { encodeDockerManifest, parseDockerManifest } from '../../../src/oci/docker-archive.js';
import { encodeExact, parseExact } from '../../../src/oci/exact-json.js';
import { encodeManifest, type Manifest, parseManifest } from '../../../src/oci/manifest.js';
import { mediaTypes } from '../../../src/oci/media-types.js';
import { choosePlatform, parsePlatform, platformText } from '../../../src/oci/platform.js';

const digest = sha256Of('x');
const descriptor = { mediaType: mediaTypes.layer, digest, size: 1 };
const manifest = { schemaVersion: 2, config: { ...descriptor, mediaType: mediaTypes.config }, layers: [descriptor] };
const bytes = (value: unknown): Buffer => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

const refusedManifests: [string, unknown, RegExp][] = [
  ['no JSON', '{"schemaVersion":', /m is not JSON/],
  ['a list', [], /m is not a JSON object/],
  ['schema 1', { schemaVersion: 1 }, /schema 1/],
  ['no version', { layers: [] }, /m.schemaVersion is not 2/],
  ['layers and manifests (CVE-2021-41190)', { ...manifest, manifests: [] }, /both layers and manifests/],
  ['an index that says it is a manifest', { schemaVersion: 2, mediaType: mediaTypes.manifest, manifests: [] }, /m.mediaType is/],
  ['a manifest that says it is an index', { ...manifest, mediaType: mediaTypes.dockerIndex }, /m.mediaType is/],
  ['no config', { schemaVersion: 2, layers: [] }, /m.config is missing/],
  ['layers no list', { ...manifest, layers: {} }, /m.layers is not a list/],
  ['a negative size', { ...manifest, layers: [{ ...descriptor, size: -1 }] }, /m.layers\[0\].size/],
  ['a size beyond 2^53', { ...manifest, layers: [{ ...descriptor, size: 1e300 }] }, /m.layers\[0\].size/],
  [
    'a digest that climbs',
    { ...manifest, layers: [{ ...descriptor, digest: 'sha256:../../../etc/passwd' }] },
    /m.layers\[0\].digest/,
  ],
  ['a short digest', { ...manifest, config: { ...descriptor, digest: 'sha256:00' } }, /m.config.digest/],
  ['an unknown algorithm', { ...manifest, config: { ...descriptor, digest: `md5:${'0'.repeat(32)}` } }, /m.config.digest/],
  ['upper-case hex', { ...manifest, config: { ...descriptor, digest: `sha256:${'A'.repeat(64)}` } }, /m.config.digest/],
  ['too large', `"${' '.repeat(defaultLimits.manifestBytes)}"`, /the limit is 4194304/],
];

test('a manifest of the wrong shape is refused by the name of its field', () => {
  for (const [name, document, expected] of refusedManifests) {
    assert.throws(() => parseManifest(bytes(document), 'm'), expected, name);
  }
});

test('a manifest is read back as written, unknown fields ignored', () => {
  const read = parseManifest(encodeManifest(manifest.config, [descriptor]), 'm') as Manifest;
  assert.equal(read.kind, 'manifest');
  assert.deepEqual(
    read.layers.map((layer) => layer.digest),
    [digest],
  );
  assert.equal(parseManifest(bytes({ ...manifest, other: [1, 2] }), 'm').kind, 'manifest');
  assert.equal(
    parseManifest(bytes({ schemaVersion: 2, manifests: null, layers: null, config: descriptor }), 'm').kind,
    'manifest',
  );
});

test('PLYFS_LIMITS changes what a document may weigh and how many layers an image may have', () => {
  const before = process.env.PLYFS_LIMITS;
  process.env.PLYFS_LIMITS = 'manifestBytes=10,layers=1';
  try {
    assert.throws(
      () => parseManifest(encodeManifest(manifest.config, []), 'm'),
      /the limit is 10 bytes \(PLYFS_LIMITS raises it\)/,
    );
    const config = bytes({ os: 'linux', rootfs: { type: 'layers', diff_ids: [digest, digest] } });
    assert.throws(
      () => parseImageConfig(config, 'c'),
      /lists 2 layers; the limit is 1 \(limit layers; PLYFS_LIMITS=layers=N allows more\)/,
    );
  } finally {
    if (before === undefined) delete process.env.PLYFS_LIMITS;
    else process.env.PLYFS_LIMITS = before;
  }
});

test('deep JSON and odd keys do no harm', () => {
  assert.throws(() => parseManifest(bytes('['.repeat(2_000_000)), 'm'), /more than 1000 deep/);
  assert.throws(() => parseManifest(bytes(`${'{"a":'.repeat(1001)}1${'}'.repeat(1001)}`), 'm'), /more than 1000 deep/);
  assert.throws(() => parseManifest(bytes(`${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}`), 'm'), /schemaVersion/);
  assert.throws(() => parseManifest(bytes(`{"a":"${'[\\"{'.repeat(1001)}"}`), 'm'), /schemaVersion/, 'brackets in a text');
  assert.throws(() => parseManifest(bytes('{"__proto__":{"schemaVersion":2}}'), 'm'), /schemaVersion/);
});

const config = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [digest] } };
const refusedConfigs: [string, unknown, RegExp][] = [
  ['no rootfs', { architecture: 'amd64' }, /c.rootfs is missing/],
  ['another rootfs type', { rootfs: { type: 'base', diff_ids: [] } }, /c.rootfs.type/],
  ['diff_ids of numbers', { rootfs: { type: 'layers', diff_ids: [1] } }, /c.rootfs.diff_ids\[0\] is not a string/],
  ['history of strings', { ...config, history: ['x'] }, /c.history\[0\] is not a JSON object/],
  ['config a list', { ...config, config: [] }, /c.config is not a JSON object/],
];

test('a history of another length than the layers is made to fit: entries too many made no layer, entries too few are empty', () => {
  const step = (created_by: string) => ({ created_by });
  const historyOf = (history: unknown[], layers: number) => {
    const document = { rootfs: { diff_ids: Array.from({ length: layers }, () => digest) }, history };
    return parseImageConfig(bytes(document), 'c').history.map(
      ({ createdBy, isEmptyLayer }) => `${createdBy}${isEmptyLayer ? '-' : '+'}`,
    );
  };
  assert.deepEqual(historyOf([step('a'), step('b')], 1), ['a+', 'b-']);
  assert.deepEqual(historyOf([step('a'), { ...step('e'), empty_layer: true }], 3), ['a+', 'e-', '+', '+']);
  assert.deepEqual(historyOf([], 2), []);
});

test('an empty os is linux, and an empty architecture says nothing, as for containerd', () => {
  assert.equal(platformText(parseImageConfig(bytes({ os: '', architecture: 'arm64', rootfs: {} }), 'c').platform), 'linux/arm64');
  const listed = [{ digest: 'sha256:1', platform: { os: 'linux', architecture: 'unknown' } }];
  assert.equal(choosePlatform(listed, { os: 'linux', architecture: 'amd64' }, 'index'), listed[0]);
});

test('integers beyond 2^53 are written again to the digit', () => {
  const text =
    '{"a":9007199254740993,"b":[-18446744073709551616],"c":"9007199254740993 \\"12345678901234567890","d":1.5,"e":9007199254740991}';
  assert.equal(encodeExact(parseExact(text)), text);
  assert.equal(JSON.stringify(parseExact('{"a":9007199254740993}')), '{"a":9007199254740992}', 'for others a number');
});

test('a config of the wrong shape is refused by the name of its field', () => {
  for (const [name, document, expected] of refusedConfigs)
    assert.throws(() => parseImageConfig(bytes(document), 'c'), expected, name);
});

test('history entries map to layers past the empty ones, and may be absent', () => {
  const second = sha256Of('y');
  const read = parseImageConfig(
    bytes({
      ...config,
      rootfs: { type: 'layers', diff_ids: [digest, second] },
      history: [{ created_by: 'ADD' }, { created_by: 'CMD', empty_layer: true }, { created_by: 'RUN' }],
    }),
    'c',
  );
  assert.deepEqual(
    historyOfLayers(read).map((entry) => entry?.createdBy),
    ['ADD', 'RUN'],
  );
  assert.deepEqual(historyOfLayers(parseImageConfig(bytes(config), 'c')), [undefined]);
  assert.deepEqual(chainIds(read.diffIds), [digest, sha256Of(`${digest} ${second}`)]);
});

test('digests are checked and spelled one way', () => {
  assert.equal(parseDigest(digest), digest);
  assert.equal(parseDigest(`sha512:${'0'.repeat(128)}`), `sha512:${'0'.repeat(128)}`);
  for (const text of ['', 'sha256:', 'sha256', `sha1:${'0'.repeat(40)}`, ` ${digest}`, `${digest}\n`])
    assert.equal(parseDigest(text), undefined);
});

test('manifest.json of a docker-archive is read and written, wrong tags refused', () => {
  const images = parseDockerManifest(
    bytes([{ Config: 'c.json', RepoTags: ['a:1'], Layers: ['l/layer.tar'], Other: 1 }]),
    'manifest.json',
  );
  assert.deepEqual(images, [{ config: 'c.json', names: ['docker.io/library/a:1'], layers: ['l/layer.tar'] }]);
  assert.deepEqual(parseDockerManifest(encodeDockerManifest(images), 'm'), images);
  assert.throws(() => parseDockerManifest(bytes([{ Config: 'c', RepoTags: ['A B'], Layers: [] }]), 'm'), /invalid reference/);
  assert.throws(() => parseDockerManifest(bytes({}), 'manifest.json'), /not a list of images/);
});

test('a platform is chosen from an index, attestations passed over', () => {
  const offer = (text: string, size: number) => ({
    ...descriptor,
    size,
    platform: {
      os: text.split('/')[0]!,
      architecture: text.split('/')[1]!,
      ...(text.split('/')[2] ? { variant: text.split('/')[2]! } : {}),
    },
  });
  const all = [
    offer('unknown/unknown', 0),
    offer('linux/arm/v6', 1),
    offer('linux/arm/v7', 2),
    offer('linux/arm64', 3),
    offer('linux/amd64', 4),
  ];
  const choose = (text: string) => choosePlatform(all, parsePlatform(text), 'index').size;
  assert.equal(choose('linux/arm/v7'), 2);
  assert.equal(choose('linux/arm/v6'), 1);
  assert.equal(choose('linux/arm/v8'), 2);
  assert.equal(choose('aarch64'), 3);
  assert.equal(choose('linux/arm64/v8'), 3);
  assert.equal(choose('x86_64'), 4);
  assert.throws(() => choose('windows/amd64'), /linux\/arm\/v6, linux\/arm\/v7, linux\/arm64, linux\/amd64/);
  assert.equal(choosePlatform(all.slice(0, 2), undefined, 'index').size, 1);
  assert.equal(platformText(parsePlatform('linux/arm64/v8')), 'linux/arm64');
  assert.throws(() => parsePlatform('a/b/c/d'), /not a platform/);
});
