/** What people are told of an image that is not there. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noSuchImage, noSuchImageIn, type Sought } from '../../../src/oci/no-such-image.js';

const hub = (...names: string[]) => names.map((name) => `docker.io/library/${name}`);
const add = 'plyfs pull NAME or plyfs load -i FILE adds images';
const lists = `plyfs images lists those there are, ${add}`;

const cases: readonly [what: Sought, text: string, there: string[], sentence: string][] = [
  ['image', 'app', hub('app:1.0', 'base:1'), `no such image: app; there is app:1.0 (${add})`],
  [
    'image',
    'app:2',
    hub('app:1', 'app:3', 'app:4', 'app:5'),
    `no such image: app:2; there is app:1, app:3, app:4 and 1 more (${add})`,
  ],
  ['image', 'app', ['quay.io/team/app:1'], `no such image: app; there is quay.io/team/app:1 (${add})`],
  ['image', 'ubunut', hub('ubuntu:24.04', 'busybox:latest'), `no such image: ubunut; there is ubuntu:24.04 (${add})`],
  ['image or file', 'zebra', hub('app:1'), `no such image or file: zebra (${lists})`],
  ['image or file', 'App.tar', hub('app:1'), `no such image or file: App.tar (${lists})`],
  [
    'container or image',
    'ab',
    hub('a:1'),
    `no such container or image: ab (plyfs ps -a and plyfs images list those there are, ${add})`,
  ],
  [
    'image',
    'app',
    [`${hub('app')[0]}@sha256:${'0'.repeat(64)}`],
    'no such image: app; the store has no image with a name (plyfs pull NAME or plyfs load -i FILE adds images)',
  ],
];

test('an image that is not there is told with what is near it and how to get it', () => {
  for (const [what, text, there, sentence] of cases) {
    const error = noSuchImage(text, there, what);
    assert.deepEqual([error.code, error.message], ['no-image', sentence]);
  }
  assert.equal(noSuchImageIn('app.tar', 'x', 'app:1, app:2').message, 'no such image in app.tar: x; there is app:1, app:2');
  assert.equal(noSuchImageIn('app.tar', 'x', '').message, 'app.tar names no image');
});
