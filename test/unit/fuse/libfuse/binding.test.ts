/** What a mount says where fuse-native cannot work. The loader of a child process is told to fail as it would there. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const binding = new URL('../../../../src/fuse/libfuse/binding.js', import.meta.url).href;

/** The message of loadFuseNative in a process where `hook`, a function of the request, stands before require. */
function messageWhere(hook: string): string {
  const script = `
    import Module from 'node:module';
    const load = Module._load;
    Module._load = (request, ...rest) => { (${hook})(request); return load(request, ...rest); };
    const { loadFuseNative } = await import(${JSON.stringify(binding)});
    try { loadFuseNative(); } catch (error) { console.log(error.name, error.message); }`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    cwd: fileURLToPath(new URL('../../../../../', import.meta.url)),
    timeout: 30_000,
  });
  assert.equal(run.status, 0, run.stderr);
  return run.stdout.trim();
}

const missing = `(request) => { if (request.startsWith('fuse-native')) throw Object.assign(new Error("Cannot find module '" + request + "'"), { code: 'MODULE_NOT_FOUND' }); }`;
const noLibrary = `(request) => { if (request === 'fuse-native') throw Object.assign(new Error('libfuse.so.2: cannot open shared object file'), { code: 'ERR_DLOPEN_FAILED' }); }`;

test('a missing package is told with the command that installs it', () => {
  assert.match(
    messageWhere(missing),
    /^PlyfsError the package fuse-native is not installed: run npm install fuse-native, or use --driver direct$/,
  );
});

test('a missing libfuse 2 is told with the command that installs it', { skip: process.arch !== 'x64' && 'needs x64' }, () => {
  const isHere = messageWhere('() => {}');
  if (isHere.includes('not installed')) return;
  assert.match(
    messageWhere(noLibrary),
    /^PlyfsError fuse-native needs libfuse 2: run apt-get install libfuse2 .*, or use --driver direct$/,
  );
});
