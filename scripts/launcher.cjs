'use strict';
// Starts NAME.code.js with what V8 made of it when this version of node last ran it: at the build, or at the first start since. Written by
// scripts/bundle.mjs.
const { closeSync, fstatSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } = require('node:fs');
const { homedir } = require('node:os');
const { join } = require('node:path');
const { Script } = require('node:vm');

const file = join(__dirname, 'NAME.code.js');
const compiled = `NAME-DIGEST-${process.version}-${process.arch}.compiled`;
const user = process.geteuid();

/** Beside the code, where whoever installed it started it, or in one's own cache. */
function places() {
  const cache = process.env.XDG_CACHE_HOME?.startsWith('/') ? process.env.XDG_CACHE_HOME : join(homedir(), '.cache');
  return [__dirname, join(cache, 'plyfs')];
}

/** What is compiled is run unseen: it must be root's or one's own, and nobody else's to write. */
function readCompiled(directory) {
  let fd;
  try {
    fd = openSync(join(directory, compiled), 'r');
    const { uid, mode } = fstatSync(fd);
    return (uid === 0 || uid === user || directory === __dirname) && (mode & 0o022) === 0 ? readFileSync(fd) : undefined;
  } catch {
    return undefined; // the code is all that is needed
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function load() {
  const code = `(function (exports, require, module, __filename, __dirname) {${readFileSync(file, 'utf8')}\n})`;
  for (const directory of places()) {
    const cachedData = readCompiled(directory);
    if (cachedData === undefined) continue;
    const script = new Script(code, { filename: file, cachedData });
    // Rejected by this version of node: other flags, or damaged. Keeping it anew at each start would be slower than doing without.
    return { script, isKept: true };
  }
  return { script: new Script(code, { filename: file }), isKept: false };
}

/** In the first place that can be written. */
function keep(script, directories) {
  for (const directory of directories) {
    const draft = join(directory, `${compiled}.${process.pid}.part`);
    try {
      if (directory !== __dirname) mkdirSync(directory, { recursive: true, mode: 0o700 });
      writeFileSync(draft, script.createCachedData(), { mode: 0o644, flag: 'wx' });
      renameSync(draft, join(directory, compiled));
      return;
    } catch {
      rmSync(draft, { force: true }); // a cache that cannot be kept costs the next start its speed, nothing else
    }
  }
}

const { script, isKept } = load();
const isBuilding = process.env.PLYFS_KEEP_COMPILED === __dirname;
// The build asks for it (scripts/warm-up.mjs), as does a node that has kept none. A mount's process ends without an exit event.
if (isBuilding || !isKept) {
  const keepOnce = () => keep(script, isBuilding ? [__dirname] : places());
  process.on('exit', keepOnce);
  setTimeout(keepOnce, 400).unref();
}
script.runInThisContext()(exports, require, module, file, __dirname);
