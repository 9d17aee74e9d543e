/** The npm package as its users get it: packed, unpacked elsewhere, imported, required, and read by a strict TypeScript. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Store } from '../../src/store/store.js';
import { storeImage } from '../support/stored-image.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const isBuilt = existsSync(join(root, 'dist/bundle/library.cjs')) && existsSync(join(root, 'dist/types/index.d.ts'));
const skip = isBuilt ? false : 'the package is not built (npm run build)';
const scratch = mkdtempSync(join(tmpdir(), 'plyfs-package-'));
const installed = join(scratch, 'node_modules/plyfs');
const store = new Store(join(scratch, 'store'));
const environment = { ...process.env, PLYFS_ROOT: store.root, HOME: scratch, XDG_CACHE_HOME: join(scratch, 'cache') };
after(() => rmSync(scratch, { recursive: true, force: true }));

function run(command: string, ...words: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, words, {
    encoding: 'utf8',
    cwd: scratch,
    timeout: 120_000,
    env: environment,
  });
  assert.equal(status, 0, `${command} ${words.join(' ')}\n${stdout}${stderr}`);
  return stdout;
}

before(async () => {
  if (!isBuilt) return;
  const [packed] = JSON.parse(run('npm', 'pack', root, '--json', '--ignore-scripts', '--pack-destination', scratch));
  mkdirSync(installed, { recursive: true });
  run('tar', 'xf', join(scratch, packed.filename), '-C', installed, '--strip-components=1');
  // What npm would install with it.
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  for (const name of [...Object.keys(dependencies), '@koromix', 'undici-types']) {
    mkdirSync(join(scratch, 'node_modules', name, '..'), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(scratch, 'node_modules', name));
  }
  await storeImage(store, 'app:1', ['file a = A'], {
    config: { Env: ['A=1'], Cmd: ['/bin/app'], Labels: { tier: 'web' }, Entrypoint: null },
  });
});

test('the package holds the program and the public types, no internal ones, nothing compiled for one node, and no library of macOS', {
  skip,
}, () => {
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' });
  assert.deepEqual(
    files.filter((file) => /\.d\.ts$/.test(file) && !file.startsWith('dist/types/')),
    [],
  );
  assert.deepEqual(
    files.filter((file) => /\.(compiled|map|dylib)$|darwin|osx/.test(file)),
    [],
  );
  assert.ok(files.includes('share/man/man1/plyfs-mount.1'));
  const { dependencies, optionalDependencies = {} } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  // It brings libraries of macOS: who wants that driver installs it.
  assert.ok(!('fuse-native' in dependencies) && !('fuse-native' in optionalDependencies));
});

const use = `async function main() {
  const image = await openImage('app:1');
  const { Env, Cmd, Labels, Entrypoint } = image.config;
  console.log(JSON.stringify([image.readFile('/a').toString(), Env, Cmd, Labels, Entrypoint ?? null]));
  image.close();
  await openImage('nosuch.tar').catch((error) => console.log(error instanceof PlyfsError, error.code));
}
main();
`;
const printed = '["A",["A=1"],["/bin/app"],{"tier":"web"},null]\ntrue no-image\n';

test('the library is imported and required', { skip }, () => {
  writeFileSync(join(scratch, 'use.mjs'), `import { openImage, PlyfsError } from 'plyfs';\n${use}`);
  writeFileSync(join(scratch, 'use.cjs'), `const { openImage, PlyfsError } = require('plyfs');\n${use}`);
  assert.equal(run(process.execPath, 'use.mjs'), printed);
  assert.equal(run(process.execPath, 'use.cjs'), printed);
});

const typed = `import { type Digest, errorCodes, type ImageConfig, openImage, PlyfsError } from 'plyfs';
export async function read(path: string): Promise<string> {
  const image = await openImage(path, { platform: 'linux/amd64', upto: 2 });
  const config: ImageConfig | undefined = image.config;
  const env: readonly string[] = config?.Env ?? [];
  const tier: string | undefined = config?.Labels?.['tier'];
  const id: Digest | undefined = image.id;
  for (const entry of image.walk('/etc')) if (entry.kind === 'file') console.log(entry.path, entry.stat.size);
  const text: string = image.readFile('/a').toString('utf8');
  return [text, tier, id, config?.Cmd?.[0], ...env].join();
}
export const status = (error: unknown): number => (error instanceof PlyfsError ? errorCodes[error.code].exitStatus : 1);
`;
const wrong = `import { Image, openImage } from 'plyfs';
export const made = new Image();
export const count: number = (await openImage('x')).config?.Env;
import { Store } from 'plyfs/dist/src/store/store.js';
export const store = new Store();
`;

test('a strict TypeScript that checks libraries takes the types, as a module and as CommonJS, and refuses what is not public', {
  skip,
}, () => {
  const options = {
    target: 'ES2022',
    module: 'NodeNext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    types: ['node'],
  };
  writeFileSync(join(scratch, 'package.json'), '{}');
  const check = (name: string, text: string) => {
    writeFileSync(join(scratch, name), text);
    writeFileSync(
      join(scratch, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { ...options, skipLibCheck: false }, files: [name] }),
    );
    const { status, stdout } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', scratch], {
      encoding: 'utf8',
      cwd: scratch,
    });
    return { status, stdout };
  };
  assert.deepEqual(check('module.mts', typed), { status: 0, stdout: '' });
  assert.deepEqual(check('common.cts', typed), { status: 0, stdout: '' });
  const { stdout } = check('wrong.mts', wrong);
  for (const sentence of [
    /Constructor of class 'Image' is private/,
    /not assignable to type 'number'/,
    /Cannot find module 'plyfs\/dist/,
  ])
    assert.match(stdout, sentence);
});

test('the first start keeps what V8 made of the program, for this node and user, and the next takes it', { skip }, () => {
  const bundle = join(installed, 'dist/bundle');
  const compiled = () => readdirSync(bundle).filter((name) => name.endsWith('.compiled'));
  assert.deepEqual(compiled(), []);
  const program = join(installed, 'bin/plyfs');
  run(program, 'images');
  const [kept, ...more] = compiled();
  assert.ok(kept?.startsWith('plyfs-') && kept.includes(process.version) && more.length === 0, String(kept));
  assert.match(run(program, 'images'), /app/);
  // A damaged one is no harm.
  writeFileSync(join(bundle, kept ?? ''), 'spoiled');
  assert.match(run(program, 'images'), /app/);
  assert.deepEqual(
    readdirSync(bundle).filter((name) => name.endsWith('.part')),
    [],
  );
});

const isRoot = process.geteuid?.() === 0;

test('who cannot write beside the program keeps it in a cache of their own', {
  skip: skip || (isRoot ? false : 'needs root, to be somebody else'),
}, () => {
  for (const name of readdirSync(join(installed, 'dist/bundle'))) {
    if (name.endsWith('.compiled')) rmSync(join(installed, 'dist/bundle', name));
  }
  const cache = join(scratch, 'cache');
  mkdirSync(cache);
  run('chmod', '-R', 'a+rX', scratch);
  run('chown', '65534:65534', cache);
  run('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', join(installed, 'bin/plyfs'), '--version');
  assert.equal(readdirSync(join(cache, 'plyfs')).length, 1);
  // Root runs nothing that somebody else compiled: its own comes into the place beside the program.
  run(join(installed, 'bin/plyfs'), '--version');
  assert.ok(readdirSync(join(installed, 'dist/bundle')).some((name) => name.endsWith('.compiled')));
});
