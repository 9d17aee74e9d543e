/** `plyfs mount` as a program: what it returns, what ends it, and that nothing is left behind. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { type CliStage, cannotMount, commandLine, processesIn, soon, withStage } from '../support/cli-stage.js';

const skip = cannotMount;
const writable = 'lowerdir=app:base,upperdir=up,workdir=wk';

/** Runs the script, which must end with 0 and say `stdout`. */
function says(stage: CliStage, script: string, stdout: string): void {
  const ended = stage.sh(script);
  assert.deepEqual([ended.status, ended.stdout, ended.stderr], [0, stdout, ''], script);
}

test(
  'a mount answers when the command returns, writes go to the upper, umount ends the daemon',
  { skip },
  withStage((stage) => {
    stage.ok('mount', '-o', writable, 'mnt');
    says(stage, 'cat mnt/f mnt/g; echo new > mnt/f; cat up/f base/f; ls mnt', 'base\napp\nnew\nbase\nd\nf\ng\n');
    const pid = stage.listed().pid;
    stage.ok('umount', 'mnt');
    assert.equal(commandLine(pid), '');
    assert.deepEqual(stage.records(), []);
  }),
);

test(
  'the form for people: bottom layer first, upper and work directory made',
  { skip },
  withStage((stage) => {
    writeFileSync(stage.at('app/f'), 'app over base\n');
    stage.ok('mount', '--layer', 'base', '--layer', 'app', '--upper', 'new', 'mnt');
    says(stage, 'cat mnt/f; echo x > mnt/x; ls new; ls -d new.work', 'app over base\nx\nnew.work\n');
    stage.ok('umount', 'mnt');
    assert.equal(readFileSync(stage.at('new/x'), 'utf8'), 'x\n');
  }),
);

test(
  'a mount without an upper, and one with ro, refuse writes with EROFS',
  { skip },
  withStage((stage) => {
    writeFileSync(stage.at('up/u'), 'upper\n');
    for (const words of [
      ['--layer', 'base'],
      ['-o', `${writable},ro`],
      ['--layer', 'base', '--upper', 'up', '--ro'],
    ]) {
      stage.ok('mount', ...words, 'mnt');
      const ended = stage.sh('echo x > mnt/x');
      assert.match(ended.stderr, /Read-only file system/);
      says(
        stage,
        `cat mnt/f${words.join().includes('up') ? ' mnt/u' : ''}`,
        `base\n${words.join().includes('up') ? 'upper\n' : ''}`,
      );
      stage.ok('umount', 'mnt');
    }
    assert.equal(existsSync(stage.at('up.work')), false);
  }),
);

for (const [name, script] of [
  ['umount', 'umount mnt'],
  ['umount -l', 'umount -l mnt'],
  ['fusermount3 -u', 'fusermount3 -u mnt'],
] as const) {
  test(
    `the daemon ends by itself after ${name}`,
    { skip },
    withStage((stage) => {
      stage.ok('mount', '-o', writable, 'mnt');
      says(stage, `echo x > mnt/x && ${script}`, '');
    }),
  );
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(
    `${signal} unmounts and ends the daemon`,
    { skip },
    withStage((stage) => {
      stage.ok('mount', '-o', writable, 'mnt');
      process.kill(stage.listed().pid, signal);
    }),
  );

  test(
    `${signal} ends a mount that is in use as well, and what was written is kept`,
    { skip },
    withStage(async (stage) => {
      stage.ok('mount', '-o', writable, 'mnt');
      const user = spawn('/bin/sh', ['-c', 'echo kept > mnt/x; cd mnt; echo here; exec sleep 60'], { cwd: stage.path });
      await new Promise((resolve) => user.stdout.once('data', resolve));
      try {
        process.kill(stage.listed().pid, signal);
        await soon(() => assert.deepEqual([stage.mounts(), stage.records()], [[], []]));
      } finally {
        user.kill('SIGKILL');
      }
      assert.equal(readFileSync(stage.at('up/x'), 'utf8'), 'kept\n');
    }),
  );
}

test(
  'a busy mount is not unmounted; --lazy detaches it and frees the target, and it is served to its last user',
  { skip },
  withStage(async (stage) => {
    stage.ok('mount', '-o', writable, 'mnt');
    const script = 'exec 3<mnt/f; echo open; read go; cat <&3; exec sleep 0';
    const user = spawn('/bin/sh', ['-c', script], { cwd: stage.path });
    const output = (): Promise<string> => new Promise((resolve) => user.stdout.once('data', (data) => resolve(String(data))));
    await output();
    const busy = stage.plyfs('umount', 'mnt');
    assert.equal(busy.status, 1);
    assert.match(busy.stderr, /^plyfs: .*mnt .*in use.*\n$/);
    assert.equal(stage.mounts().length, 1);
    stage.ok('umount', '--lazy', 'mnt');
    assert.deepEqual(stage.mounts(), []);
    assert.match(stage.ok('mounts'), /detached/);
    const again = stage.plyfs('mount', '-o', writable, 'mnt');
    assert.match(again.stderr, /in use/, 'the upper is still claimed');
    stage.ok('mount', '--layer', 'base', 'mnt');
    stage.ok('umount', 'mnt');
    const last = output();
    user.stdin.write('go\n');
    assert.equal(await last, 'base\n');
  }),
);

test(
  'after kill -9 the dead mount is listed, and a new mount replaces it',
  { skip },
  withStage(async (stage) => {
    stage.ok('mount', '-o', writable, 'mnt');
    says(stage, 'echo x > mnt/x; sync -f mnt', '');
    process.kill(stage.listed().pid, 'SIGKILL');
    await soon(() => assert.match(stage.sh('stat mnt').stderr, /not connected/));
    assert.match(stage.ok('mounts'), /dead/);
    const again = stage.plyfs('mount', '-o', writable, 'mnt');
    assert.equal(again.status, 0, again.stderr);
    assert.equal(stage.mounts().length, 1);
    assert.equal(stage.records().length, 1);
    says(stage, 'cat mnt/x', 'x\n');
    stage.ok('umount', 'mnt');
  }),
);

test(
  'umount clears a dead mount away',
  { skip },
  withStage(async (stage) => {
    stage.ok('mount', '-o', writable, 'mnt');
    process.kill(stage.listed().pid, 'SIGKILL');
    await soon(() => assert.match(stage.sh('stat mnt').stderr, /not connected/));
    stage.ok('umount', 'mnt');
  }),
);

test(
  'a dead mount that somebody has unmounted is forgotten',
  { skip },
  withStage(async (stage) => {
    stage.ok('mount', '-o', writable, 'mnt');
    process.kill(stage.listed().pid, 'SIGKILL');
    await soon(() => assert.match(stage.sh('stat mnt').stderr, /not connected/));
    says(stage, 'umount -l mnt', '');
    assert.equal(stage.ok('mounts').includes(stage.path), false);
  }),
);

test(
  'in the foreground the process stays, and Ctrl-C unmounts',
  { skip },
  withStage(async (stage) => {
    const words = ['mount', '--foreground', '--layer', stage.at('base'), stage.at('mnt')];
    const child = spawn(stage.program, words, { stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
    await soon(() => assert.equal(stage.ok('mounts').includes(stage.at('mnt')), true));
    assert.equal(stage.listed().pid, child.pid);
    says(stage, 'cat mnt/f', 'base\n');
    child.kill('SIGINT');
    assert.equal(await ended, 0);
  }),
);

test(
  '--debug prints each request',
  { skip },
  withStage(async (stage) => {
    const words = ['mount', '--debug', '--layer', stage.at('base'), stage.at('mnt')];
    const child = spawn(stage.program, words, { stdio: ['ignore', 'ignore', 'pipe'] });
    let trace = '';
    child.stderr.on('data', (part) => {
      trace += String(part);
    });
    await soon(() => assert.equal(stage.mounts().length, 1));
    says(stage, 'cat mnt/f', 'base\n');
    await soon(() => assert.match(trace, /LOOKUP .*f/));
    child.kill('SIGTERM');
    await new Promise((resolve) => child.on('exit', resolve));
  }),
);

test(
  'the caller gets its pipes, its directory and its terminal back',
  { skip },
  withStage((stage) => {
    // Command substitution ends when the last holder of the pipe ends.
    says(stage, 'x=$($PLYFS mount --layer base mnt 2>&1); echo "[$x]"', '[]\n');
    const pid = stage.listed().pid;
    says(stage, `readlink /proc/${pid}/cwd; readlink /proc/${pid}/fd/0 /proc/${pid}/fd/1`, '/\n/dev/null\n/dev/null\n');
    const session = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[3];
    assert.notEqual(session, readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ')[3]);
    says(stage, '$PLYFS umount mnt', '');
  }),
);

test(
  'relative paths and symlinks start in the directory of the caller',
  { skip },
  withStage((stage) => {
    says(stage, 'ln -s ../base app/link; cd app; $PLYFS mount -o lowerdir=link:.,upperdir=../up,workdir=./../wk ../mnt', '');
    says(stage, 'cat mnt/f mnt/g', 'base\napp\n');
    const { layers, upper } = stage.listed();
    assert.deepEqual([layers, upper], [[stage.at('base'), stage.at('app')], stage.at('up')]);
    stage.ok('umount', 'mnt');
  }),
);

test(
  'names with commas, colons, spaces, quotes, backslashes and newlines are layers like others',
  { skip },
  withStage((stage) => {
    const name = 'a,b:c d"e\\f\ng';
    mkdirSync(stage.at(name));
    writeFileSync(`${stage.at(name)}/strange`, 'strange\n');
    stage.ok('mount', '-o', `lowerdir=${name.replace(/[\\:,]/g, '\\$&')}:base`, 'mnt');
    says(stage, 'cat mnt/strange mnt/f', 'strange\nbase\n');
    stage.ok('umount', 'mnt');
    stage.ok('mount', '--layer', name, 'mnt');
    stage.ok('umount', 'mnt');
    const target = 'm n\\t"';
    mkdirSync(stage.at(target));
    stage.ok('mount', '--layer', 'base', target);
    assert.equal(existsSync(stage.at(target)), true);
    assert.match(stage.ok('mounts'), /m n\\t"/);
    stage.ok('umount', target);
  }),
);

test(
  '100 kB of options: 500 layers with long names',
  { skip },
  withStage((stage) => {
    const layers = Array.from({ length: 500 }, (_, index) => `long/${'x'.repeat(190)}${index}`);
    for (const [index, layer] of layers.entries()) {
      mkdirSync(stage.at(layer), { recursive: true });
      writeFileSync(`${stage.at(layer)}/file${index}`, '');
    }
    const options = `lowerdir=${layers.join(':')},upperdir=up,workdir=wk`;
    assert.ok(options.length > 97_000);
    stage.ok('mount', '-o', options, 'mnt');
    says(stage, 'ls mnt | wc -l', '500\n');
    stage.ok('umount', 'mnt');
  }),
);

test(
  'options without a meaning are named on stderr and in no way else',
  { skip },
  withStage((stage) => {
    const ended = stage.plyfs('mount', '-o', 'lowerdir=base,bogus,metacopy=on,,context="a,b",', 'mnt');
    assert.equal(ended.status, 0);
    assert.deepEqual(ended.stderr.match(/option \w+/g), ['option bogus', 'option metacopy', 'option context']);
    stage.ok('umount', 'mnt');
  }),
);

test(
  'a volatile upper is refused until --force-dirty',
  { skip },
  withStage((stage) => {
    stage.ok('mount', '-o', `${writable},volatile`, 'mnt');
    stage.ok('umount', 'mnt');
    assert.ok(existsSync(stage.at('wk/work/incompat/volatile')));
    assert.equal(stage.plyfs('mount', '-o', writable, 'mnt').status, 1);
    stage.ok('mount', '--force-dirty', '-o', writable, 'mnt');
    assert.equal(existsSync(stage.at('wk/work/incompat/volatile')), false);
    stage.ok('umount', 'mnt');
    stage.ok('mount', '-o', writable, 'mnt');
    stage.ok('umount', 'mnt');
  }),
);

test(
  'stats count requests by name',
  { skip },
  withStage((stage) => {
    stage.ok('mount', '--layer', 'base', 'mnt');
    says(stage, 'cat mnt/f', 'base\n');
    const stats: unknown = JSON.parse(stage.ok('stats', '--json', 'mnt'));
    // What readStats (src/mount/stats.ts) makes.
    const { requests, latency, counters } = stats as {
      requests: Record<string, number>;
      latency: { count: number }[];
      counters: Record<string, number>;
    };
    assert.ok((requests.LOOKUP ?? 0) >= 1);
    const total = Object.values(requests).reduce((sum, count) => sum + count, 0);
    assert.equal(counters.requests, total);
    assert.equal(counters.bytesRead, 'base\n'.length);
    assert.equal(
      latency.reduce((sum, row) => sum + row.count, 0),
      total,
    );
    assert.match(stage.ok('stats', 'mnt'), /LOOKUP +\d/);
    stage.ok('umount', 'mnt');
  }),
);

test(
  'many mounts at a time',
  { skip },
  withStage((stage) => {
    const script = 'for i in 1 2 3 4; do mkdir m$i; $PLYFS mount --layer base --upper up$i m$i & done; wait; cat m1/f m4/f';
    says(stage, script, 'base\nbase\n');
    assert.equal(stage.mounts().length, 4);
    says(stage, '$PLYFS umount m1 m2 m3 m4', '');
  }),
);

test(
  'a caller that is killed while the mount is made leaves a mount that works',
  { skip },
  withStage(async (stage) => {
    const child = spawn(stage.program, ['mount', '--layer', stage.at('base'), stage.at('mnt')], { stdio: 'ignore' });
    await soon(() => assert.ok(processesIn(stage.path).some((pid) => commandLine(pid).includes('mount-process'))));
    child.kill('SIGKILL');
    await soon(() => stage.listed());
    says(stage, 'cat mnt/f', 'base\n');
    stage.ok('umount', 'mnt');
  }),
);
