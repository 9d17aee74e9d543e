/** What is made of the tables of commands and options: help, completions, manual pages, and the nearest word for a slip. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { nearest } from '../../../src/cli/command-facts.js';
import { newContainer } from '../../../src/container/create.js';
import { Store } from '../../../src/store/store.js';
import { storeImage } from '../../support/stored-image.js';

const scratch = mkdtempSync(join(tmpdir(), 'plyfs-words-'));
const program = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));
const store = new Store(join(scratch, 'store'));
const bin = join(scratch, 'bin');
const env = { ...process.env, PLYFS_ROOT: store.root, PATH: `${scratch}:${process.env.PATH}` };
after(() => rmSync(scratch, { recursive: true, force: true }));

before(async () => {
  await storeImage(store, 'team/app:1.0', ['file a = A']);
  await newContainer(store, 'team/app:1.0', 'web');
  writeFileSync(join(scratch, 'plyfs'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, { mode: 0o755 });
  assert.equal(plyfs('man', '--directory', bin).status, 0);
});

function plyfs(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [program, ...words], { encoding: 'utf8', timeout: 60_000, env });
}

function isThere(command: string): boolean {
  return spawnSync(command, ['--version']).error === undefined;
}

test('a slip of a command or an option gets the nearest', () => {
  const commands = ['mount', 'umount', 'mounts', 'images', 'inspect', 'ps', 'rm', 'rmi', 'tag', 'commit', 'prune'];
  const slips = {
    imgaes: 'images',
    unmount: 'umount',
    mout: 'mount',
    insepct: 'inspect',
    comit: 'commit',
    rim: 'rm',
    xyz: undefined,
    frobnicate: undefined,
  };
  for (const [slip, found] of Object.entries(slips)) assert.equal(nearest(slip, commands), found, slip);
  const unknown = plyfs('imgaes');
  assert.deepEqual(
    [unknown.status, unknown.stderr],
    [2, 'plyfs: unknown command imgaes: did you mean images? (plyfs --help lists the commands)\n'],
  );
  assert.equal(plyfs('frobnicate').stderr, 'plyfs: unknown command frobnicate; plyfs --help lists the commands\n');
  assert.equal(plyfs('help', 'imgaes').stderr, unknown.stderr);
  assert.equal(
    plyfs('--verison').stderr,
    'plyfs: unknown option --verison: did you mean --version? (plyfs --help lists the commands)\n',
  );
  assert.match(plyfs('images', '--quite').stderr, /^plyfs: unknown option '--quite'\n\(Did you mean --quiet\?\)/);
  assert.match(plyfs('mount', '--uper', 'x', '/mnt').stderr, /^plyfs: unknown option --uper: did you mean --upper\?/);
  assert.equal(plyfs('-v').stdout, plyfs('--version').stdout);
});

/** The words that bash offers at the end of a line. */
function offered(...words: string[]): string[] {
  const script = `source <(plyfs completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _plyfs; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', 'plyfs', ...words], {
    encoding: 'utf8',
    env,
    cwd: bin,
    timeout: 60_000,
  });
  assert.equal(stderr.replaceAll(/.*compopt.*\n/g, ''), '');
  return stdout.split('\n').filter((word) => word !== '');
}

test('bash completes commands, options, and names of images and containers', () => {
  assert.deepEqual(offered('rm'), ['rm', 'rmi']);
  assert.ok(offered('').includes('completion'));
  assert.deepEqual(offered('images', '--di'), ['--digests']);
  assert.deepEqual(offered('mount', '--up'), ['--upper', '--upto']);
  assert.deepEqual(offered('rmi', 'te'), ['team/app:1.0']);
  assert.deepEqual(offered('rm', ''), ['web']);
  assert.deepEqual(offered('inspect', ''), ['team/app:1.0', 'web']);
  assert.deepEqual(offered('load', '-i', 'plyfs-rmi'), ['plyfs-rmi.1']);
  assert.deepEqual(offered('help', 'wa'), ['waste']);
  assert.equal(plyfs('completion', 'tcsh').status, 2);
});

test('fish and zsh offer what bash offers', {
  skip: isThere('fish') && isThere('zsh') ? false : 'fish or zsh is not installed',
}, () => {
  const fish = 'plyfs completion fish | source; complete -C "plyfs images --di"; complete -C "plyfs rm "';
  assert.equal(spawnSync('fish', ['-c', fish], { encoding: 'utf8', env }).stdout, "--digests\tshow the manifest's digest\nweb\n");
  const functions = join(scratch, 'functions');
  mkdirSync(functions);
  writeFileSync(join(functions, '_plyfs'), plyfs('completion', 'zsh').stdout);
  const zsh = `zmodload zsh/zpty; zpty z zsh -f -i
    zpty -w z "fpath=(${functions} \\$fpath); autoload -U compinit; compinit -u -d ${functions}/dump; PROMPT=; print re''ady"
    zpty -r -m z out '*ready*'; zpty -w -n z "plyfs images --di"$'\\t'; zpty -r -m z out '*digests*' && print offered; zpty -d z`;
  assert.equal(spawnSync('zsh', ['-c', zsh], { encoding: 'utf8', env, timeout: 60_000 }).stdout, 'offered\n');
});

for (const [shell, words] of [
  ['zsh', ['-n']],
  ['fish', ['--no-execute']],
  ['bash', ['-n']],
] as const) {
  test(`${shell} reads its completion`, { skip: isThere(shell) ? false : `${shell} is not installed` }, () => {
    const file = join(scratch, `completion.${shell}`);
    writeFileSync(file, plyfs('completion', shell).stdout);
    assert.equal(spawnSync(shell, [...words, file], { encoding: 'utf8' }).stderr, '');
  });
}

test('each command has a manual page that groff takes without a warning', {
  skip: isThere('groff') ? false : 'groff is not installed',
}, () => {
  const pages = readdirSync(bin);
  for (const page of ['plyfs.1', 'plyfs-mount.1', 'plyfs-find.1', 'plyfs-images.1', 'plyfs-man.1'])
    assert.ok(pages.includes(page), page);
  const { stderr } = spawnSync(
    'groff',
    ['-man', '-Tutf8', '-ww', '-rCHECKSTYLE=1', '-z', ...pages.map((page) => join(bin, page))],
    { encoding: 'utf8' },
  );
  assert.equal(stderr, '');
});

test('man finds the pages beside bin, and a page tells each option', {
  skip: isThere('man') ? false : 'man is not installed',
}, () => {
  const share = join(scratch, 'share/man/man1');
  assert.equal(plyfs('man', '--directory', share).status, 0);
  const shown = spawnSync('man', ['-P', 'cat', 'plyfs-mount'], {
    encoding: 'utf8',
    env: { ...env, MANPATH: join(scratch, 'share/man'), MANWIDTH: '80' },
  });
  const text = shown.stdout.replaceAll(/.[\b]/g, '');
  assert.match(text, /plyfs-mount - merge layers and show them as a directory/, shown.stderr);
  for (const option of ['--layer DIR|N', '-o, --options OPTIONS', '--upto N']) assert.ok(text.includes(option), option);
});

test('help is no wider than the terminal', { skip: isThere('script') ? false : 'script(1) is not installed' }, () => {
  for (const columns of [50, 72, 200]) {
    for (const words of ['--help', 'mount --help', 'images --help']) {
      const line = `stty cols ${columns}; exec '${process.execPath}' '${program}' ${words}`;
      const { stdout } = spawnSync('script', ['-qec', line, '/dev/null'], { encoding: 'utf8', timeout: 60_000 });
      const [body = ''] = stdout.split('Example');
      assert.match(body, /Usage/);
      // Command lines stay whole.
      for (const row of body.split('\r\n').filter((each) => !each.includes('plyfs')))
        assert.ok(row.length <= columns || !row.trim().includes(' '), `${words} at ${columns}: ${row}`);
    }
  }
});
