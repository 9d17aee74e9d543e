import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMountArguments } from '../../../src/cli/mount-arguments.js';
import { MountOptions } from '../../../src/mount/mount-option-values.js';
import { readMountOptions } from '../../../src/mount/mount-options.js';
import { escapePath, splitOptions, splitPaths } from '../../../src/mount/option-string.js';

function read(text: string): MountOptions {
  const options = new MountOptions();
  readMountOptions(text, options);
  return options;
}

/** What differs from the defaults. */
function changes(text: string): Record<string, unknown> {
  const defaults: Record<string, unknown> = { ...new MountOptions() };
  return Object.fromEntries(
    Object.entries(read(text)).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(defaults[key])),
  );
}

const accepted: [string, Record<string, unknown>][] = [
  ['', {}],
  [',,', {}],
  ['lowerdir=a:b,', { layers: ['a', 'b'] }],
  [',lowerdir=a,,ro,', { layers: ['a'], isReadOnly: true }],
  ['lowerdir=a:b:', { layers: ['a', 'b'] }],
  ['lowerdir=:a', { layers: ['a'] }],
  ['lowerdir=a\\:b:c', { layers: ['a:b', 'c'] }],
  ['lowerdir=a\\,b:c\\\\d', { layers: ['a,b', 'c\\d'] }],
  ['lowerdir=a=b', { layers: ['a=b'] }],
  ['lowerdir=say"what":b,ro', { layers: ['say"what"', 'b'], isReadOnly: true }],
  ['lowerdir+=a:b,lowerdir+=c', { layers: ['a:b', 'c'] }],
  ['lowerdir=a,upperdir=u\\:p,workdir=w\\,k', { layers: ['a'], upper: 'u:p', work: 'w,k' }],
  ['ro,rw', {}],
  ['volatile', { isVolatile: true }],
  ['fsync=0', { isVolatile: true }],
  ['fsync=0,fsync=1', {}],
  ['sync', {}],
  ['xino=on', { xino: 'on' }],
  ['static_nlink,noacl', { staticNlink: true, posixAcl: false }],
  ['squash_to_root', { squashToUid: 0, squashToGid: 0 }],
  ['squash_to_uid=5,squash_to_root,squash_to_gid=6', { squashToUid: 5, squashToGid: 6 }],
  [
    'uidmapping=1000:0:1:100000:1:65536',
    {
      uidMapping: [
        { onDisk: 1000, shown: 0, count: 1 },
        { onDisk: 100000, shown: 1, count: 65536 },
      ],
    },
  ],
  ['gidmapping=:5:0:1', { gidMapping: [{ onDisk: 5, shown: 0, count: 1 }] }],
  ['timeout=0', { timeoutSec: 0 }],
  ['timeout=1.5', { timeoutSec: 1.5 }],
  ['writeback=0', { io: 'cached' }],
  ['io=passthrough,driver=fuse-native', { io: 'passthrough', driver: 'fuse-native' }],
  ['redirect_dir=off', { redirectDir: false }],
  ['wh_names=allow,userxattr', { whNames: 'allow', userXattr: true }],
  ['noauto,user,nofail,_netdev,x-systemd.automount,defaults,comment=x', {}],
  ['metacopy=off,index=off,xattr_permissions=0', {}],
];

for (const [text, expected] of accepted) {
  test(`-o '${text}' is understood`, () => assert.deepEqual(changes(text), expected));
}

const warned = [
  'bogus',
  'bogus=5',
  'context="system_u:object_r:t:s0:c1,c2"',
  'index=on',
  'metacopy=on',
  'plugins=a',
  'threaded=1',
  'kernel_cache',
];
for (const text of [...warned, 'xattr_permissions=2', 'max_write=65536', 'verity=on']) {
  test(`-o '${text}' is ignored with one warning`, () => assert.equal(read(`lowerdir=a,${text},ro`).warnings.length, 1));
}

const refused: [string, RegExp][] = [
  ['xino=maybe', /xino cannot be "maybe": use off, auto or on/],
  ['fsync=2', /fsync cannot be "2"/],
  ['timeout=-1', /timeout cannot be "-1"/],
  ['timeout=', /timeout/],
  ['timeout', /timeout needs a value/],
  ['uidmapping=0:1', /uidmapping/],
  ['uidmapping=0:0:10:5:100:1', /do not overlap/],
  ['uidmapping=a:b:c', /uidmapping/],
  ['squash_to_uid=4294967295', /squash_to_uid/],
  ['volatile=yes', /volatile cannot be "yes": it takes none/],
  ['lowerdir=', /lowerdir/],
  ['lowerdir=a::b', /data-only/],
  ['upperdir=', /upperdir/],
  ['redirect_dir=sometimes', /redirect_dir/],
  ['index=maybe', /index cannot be "maybe"/],
  ['verity=require', /verity/],
  ['io=fast', /io cannot be "fast"/],
  ['driver=kernel', /driver/],
];
for (const [text, says] of refused) {
  test(`-o '${text}' is refused`, () => assert.throws(() => read(text), says));
}

test('quotes hold commas together, wherever they do not begin a value they are ordinary', () => {
  assert.deepEqual(splitOptions('context="a,b",c'), [
    { name: 'context', value: 'a,b' },
    { name: 'c', value: undefined },
  ]);
  assert.deepEqual(splitOptions('a="b,c'), [
    { name: 'a', value: '"b' },
    { name: 'c', value: undefined },
  ]);
});

test('an escaped path comes back as it was', () => {
  for (const path of ['plain', 'a:b', 'a,b', 'a\\b', '\\:,\\', 'ü"\n']) {
    const [option] = splitOptions(`lowerdir=${escapePath(path)}:x`);
    assert.deepEqual(splitPaths(option?.value ?? ''), [path, 'x']);
  }
});

test('100 kB of options are read at once', () => {
  const layers = Array.from({ length: 2_000 }, (_, index) => `/${'long'.repeat(12)}/${index}`);
  assert.deepEqual(read(`lowerdir=${layers.join(':')},ro`).layers, layers);
});

test('words of plyfs mount: flags in any place, the form for people has the bottom layer first', () => {
  const { options, target, makesUpper } = readMountArguments(
    ['--layer', 'base', '/mnt', '--layer=app', '--upper', 'up'],
    '/',
    true,
  );
  assert.deepEqual([options.layers, options.upper, target, makesUpper], [['app', 'base'], 'up', '/mnt', true]);
});

test('words as mount(8) and containers/storage give them', () => {
  const helper = readMountArguments(['none', '/mnt', '-o', 'rw,lowerdir=a,dev,suid'], '/', true);
  assert.deepEqual([helper.options.source, helper.target, helper.options.layers], ['none', '/mnt', ['a']]);
  const program = readMountArguments(['-olowerdir=a', '-o', 'ro', 'merged'], '/', true);
  assert.deepEqual([program.target, program.options.layers, program.options.isReadOnly], ['merged', ['a'], true]);
});

test('wrong words are wrong usage', () => {
  const wrong = [[], ['--bogus', 'm'], ['a', 'b', 'c'], ['--layer'], ['--ro=1', 'm'], ['--layer', 'a', '-o', 'lowerdir=b', 'm']];
  for (const words of wrong) assert.throws(() => readMountArguments(words, '/', true), { exitStatus: 2 }, words.join(' '));
});
