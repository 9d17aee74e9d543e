/** Templates print what Go's text/template prints: the results of test/corpus/templates were made by Go, and are made anew where it is installed. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Template } from '../../../src/template/template.js';
import { typedValue } from '../../../src/template/typed.js';
import * as go from '../../../src/template/values.js';

const folder = fileURLToPath(new URL('../../../../test/corpus/templates/', import.meta.url));
const results = readFileSync(`${folder}results.txt`, 'utf8');

const strings = go.listOf(go.stringType);
const empties = go.mapOf(go.structOf('struct {}', {}));
const fields = (names: string, type: go.GoType) => Object.fromEntries(names.split(' ').map((name) => [name, type]));

/** The structs of oracle.go. */
const state = go.structOf('main.State', {
  ...{
    Status: go.stringType,
    Running: go.boolType,
    Paused: go.boolType,
    Pid: go.intType,
    ExitCode: go.intType,
    Error: go.stringType,
  },
});
const config = go.structOf('main.Config', {
  ...{ ...fields('Hostname User', go.stringType), Tty: go.boolType, ...fields('Env Cmd Entrypoint OnBuild', strings) },
  ...{ Image: go.stringType, Labels: go.mapOf(go.stringType), Volumes: empties, ExposedPorts: empties },
});
const network = go.structOf('main.Network', {
  ...fields('IPAddress Gateway', go.stringType),
  Aliases: strings,
  Prefix: go.intType,
});
const mount = go.structOf('main.Mount', { ...fields('Type Source Destination', go.stringType), RW: go.boolType });
const container = go.structOf('main.Container', {
  ...{ ...fields('Id Created Path', go.stringType), Args: strings, Name: go.stringType },
  ...{ ...fields('RestartCount SizeRw SizeRootFs', go.intType), Ratio: { kind: 'float' }, State: state },
  ...{ Health: go.pointerTo(go.structOf('main.Health', { Status: go.stringType })), Config: config, Networks: go.mapOf(network) },
  ...{ Ports: go.mapOf(go.listOf(go.structOf('main.Port', fields('HostIp HostPort', go.stringType)))), Mounts: go.listOf(mount) },
  ...{ Sizes: go.listOf(go.intType), Raw: go.anyType },
});

function documentValue(): go.GoValue {
  const value = typedValue(JSON.parse(readFileSync(`${folder}document.json`, 'utf8')), container);
  assert.ok(go.isKind(value, 'struct'));
  const labels = value.fields.get('Config');
  const label = (key: go.GoValue): go.GoValue => {
    const all = go.isKind(labels, 'struct') ? labels.fields.get('Labels') : undefined;
    return (go.isKind(all, 'map') ? all.entries.get(String(key)) : undefined) ?? '';
  };
  const method: go.GoMethod = { kind: 'method', function: { parameters: ['string'], call: ([key]) => label(key) } };
  return { ...value, fields: new Map([...value.fields, ['Label', method]]) };
}

/** As oracle.go prints a case. */
function outcome(text: string, data: go.GoValue): string {
  try {
    return `  = ${jsonLine(new Template(text).run(data))}`;
  } catch (error) {
    return `  ! ${jsonLine(error instanceof Error ? error.message : String(error))}`;
  }
}

const goEscapes: Readonly<Record<string, string>> = {
  ...{ '\\b': '\\u0008', '\\f': '\\u000c', '\u2028': '\\u2028', '\u2029': '\\u2029' },
};

/** In the escapes of Go's encoder. */
function jsonLine(text: string): string {
  return JSON.stringify(text).replaceAll(/\\[bf]|[\u2028\u2029]/g, (one) => goEscapes[one] ?? one);
}

const lines = results.split('\n');
const cases = lines.flatMap((line, at) => (/^ {2}[=!] /.test(line) ? [{ template: lines[at - 1] ?? '', wanted: line }] : []));

test('more than 450 templates print what Go prints, and fail in the same words', () => {
  assert.ok(cases.length > 450);
  const data = documentValue();
  const wrong = cases.flatMap(({ template, wanted }) => {
    const found = outcome(template.startsWith('"') ? String(JSON.parse(template)) : template, data);
    return found === wanted ? [] : [`${template}\n   Go ${wanted}\n ours ${found}`];
  });
  assert.deepEqual(wrong, [], `${wrong.length} differ:\n${wrong.join('\n')}`);
});

const hasGo = spawnSync('go', ['version']).status === 0;

test('the table is what the installed Go makes', { skip: hasGo ? false : 'go is not installed (package golang-go)' }, (t) => {
  const version = spawnSync('go', ['env', 'GOVERSION'], { encoding: 'utf8' }).stdout.trim();
  if (!/^go1\.(19|20|21|22)\b/.test(version)) return t.skip(`${version} writes some messages otherwise than 1.19`);
  const made = spawnSync('go', ['run', `${folder}oracle.go`, folder], { encoding: 'utf8', timeout: 120_000 });
  assert.equal(made.status, 0, made.stderr);
  assert.equal(made.stdout, results);
});
