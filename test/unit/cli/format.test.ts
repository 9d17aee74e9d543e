/** --format as docker's users and scripts write it. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { newContainer } from '../../../src/container/create.js';
import { Store } from '../../../src/store/store.js';
import { storeImage } from '../../support/stored-image.js';

const scratch = mkdtempSync(join(tmpdir(), 'plyfs-format-'));
const program = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));
const store = new Store(join(scratch, 'store'));
after(() => rmSync(scratch, { recursive: true, force: true }));

before(async () => {
  const config = {
    Env: ['PATH=/bin', 'A=<b> & "c"'],
    Labels: { 'com.example.vendor': 'ACME', n: '1' },
    ExposedPorts: { '80/tcp': {} },
  };
  await storeImage(store, 'app:1.0', ['file a = A'], { config });
  await storeImage(store, 'bare:1', ['file b = B'], { config: undefined });
  await newContainer(store, 'app:1.0', 'web');
});

function plyfs(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [program, ...words], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, PLYFS_ROOT: store.root },
  });
}

const printed: [words: string[], stdout: string][] = [
  [['inspect', '-f', '{{range .Config.Env}}{{.}}{{"\\n"}}{{end}}', 'app:1.0'], 'PATH=/bin\nA=<b> & "c"\n\n'],
  [['inspect', '-f', '{{index .Config.Labels "com.example.vendor"}} {{index .Config.Labels "none"}}|', 'app:1.0'], 'ACME |\n'],
  [
    ['inspect', '-f', '{{.Config.Labels}} {{.Config.Entrypoint}} {{.Config.Volumes}}', 'app:1.0'],
    'map[com.example.vendor:ACME n:1] [] map[]\n',
  ],
  [['inspect', '-f', '{{range $p, $c := .Config.ExposedPorts}}{{$p}} {{end}}', 'app:1.0'], '80/tcp \n'],
  [['inspect', '-f', '{{json .Config.Env}} {{json .Config.Cmd}}', 'app:1.0'], '["PATH=/bin","A=<b> & \\"c\\""] null\n'],
  [['inspect', '-f', '{{.Config.User}}|{{.Config.Env}}|{{len .Config.Labels}}', 'bare:1'], '|[]|0\n'],
  [
    ['inspect', '-f', '{{.Name}}{{if .State.Running}} up{{else}} down{{end}} {{.State.Health}} {{eq .ID .Id}}', 'web'],
    '/web down <nil> true\n',
  ],
  [['inspect', '-f', '{{.Name}}\\n', 'web'], '/web\\n\n'],
  [['images', '--format', '{{.Repository}}\\t{{printf "%q" .Tag}}\\n', 'app'], 'app\t"1.0"\n\n'],
  [['images', '--format', '{{upper .Repository}}{{"\\t"}}{{truncate .ID 3 | len}}', 'app'], 'APP\t3\n'],
  [['images', '--format', 'table {{.Repository}}\\t{{upper .Tag}}', 'app'], 'REPOSITORY   TAG\napp          1.0\n'],
  [['ps', '-a', '--format', '{{with .Names}}{{.}}{{end}} {{ .Image | printf "%-9s" }}|'], 'web app:1.0  |\n'],
  [['history', '--format', '{{/* steps */}}{{.CreatedBy}}', 'bare:1'], 'step 1\n'],
];

test('templates print what docker prints', () => {
  for (const [words, stdout] of printed) {
    const found = plyfs(...words);
    assert.equal(found.stdout, stdout, `${words.join(' ')}: ${found.stderr}`);
  }
});

test('json prints a line for each row with its fields sorted, and an array for inspect', () => {
  const row = plyfs('images', '--format', 'json', 'app').stdout;
  assert.deepEqual(Object.keys(JSON.parse(row)), Object.keys(JSON.parse(row)).sort());
  assert.equal(row, plyfs('images', '--format', '{{json .}}', 'app').stdout);
  const text = plyfs('inspect', '-f', 'json', 'app:1.0', 'web').stdout;
  assert.equal(text.trim().split('\n').length, 1);
  assert.deepEqual(JSON.parse(text), JSON.parse(plyfs('inspect', 'app:1.0', 'web').stdout));
});

const refused: [template: string, status: number, stderr: RegExp][] = [
  ['{{.Nope}}', 1, /^plyfs: --format \{\{\.Nope\}\}: the image has no field Nope; there are Id, RepoTags, .*\n$/],
  [
    '{{index .Config.Env 9}}',
    1,
    /^plyfs: --format .*: at <index \.Config\.Env 9>: error calling index: index out of range: 9\n$/,
  ],
  ['{{range .Config.Env}}', 2, /^plyfs: --format .*: unexpected EOF\n$/],
  ['{{nosuch .Id}}', 2, /^plyfs: --format .*: function "nosuch" not defined\n$/],
  ['{{.Id', 2, /^plyfs: --format .*: unclosed action\n$/],
  ['{{"a\\q"}}', 2, /^plyfs: --format .*: invalid syntax\n$/],
  ['{{define "x"}}{{template "x"}}{{end}}{{template "x"}}', 1, /exceeded maximum template depth \(1000\)\n$/],
  ['{{range 99999999999}}{{end}}', 1, /range can't iterate over 99999999999\n$/],
];

test('a template that is wrong, or asks for what is not there, gets one sentence', () => {
  for (const [template, status, stderr] of refused) {
    const found = plyfs('inspect', '-f', template, 'app:1.0');
    assert.equal(found.status, status, template + found.stderr);
    assert.match(found.stderr, stderr);
    assert.equal(found.stdout, '', template);
  }
});
