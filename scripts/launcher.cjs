'use strict';
// Starts NAME.code.js with what V8 made of it at the last build, if that was the same version of node. Written by scripts/bundle.mjs.
const { readFileSync, renameSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');

const file = join(__dirname, 'NAME.code.js');
const compiled = join(__dirname, 'NAME-DIGEST.compiled');

function readCompiled() {
  try {
    return readFileSync(compiled);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  }
}

const code = `(function (exports, require, module, __filename, __dirname) {${readFileSync(file, 'utf8')}\n})`;
const script = new Script(code, { filename: file, cachedData: readCompiled() });
// The build asks for it: scripts/warm-up.mjs. A mount's process ends without an exit event.
if (process.env.PLYFS_KEEP_COMPILED === __dirname) {
  const keep = () => {
    writeFileSync(`${compiled}.part`, script.createCachedData(), { mode: 0o644 });
    renameSync(`${compiled}.part`, compiled);
  };
  process.on('exit', keep);
  setTimeout(keep, 400).unref();
}
script.runInThisContext()(exports, require, module, file, __dirname);
