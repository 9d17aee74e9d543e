import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Model } from '../../support/model.js';
import { Random, randomLayer, randomOperation } from '../../support/random.js';

test('the model merges layers by whiteouts, opaque marks and types', () => {
  const model = new Model([
    'whiteout a; opaque d; file d/x = top; dir e; file f = now a file',
    'file a; dir d; file d/y; dir e; file e/z; dir f; file f/g',
  ]);
  assert.equal(model.dump(), 'dir d\nfile d/x = top\ndir e\nfile e/z\nfile f = now a file');
});

test('the model refuses as rename(2) does', () => {
  const model = new Model(['dir d; dir d/e; file f']);
  assert.equal(model.run('rename d d/e/x'), 'EINVAL');
  assert.equal(model.run('rename d/e d'), 'ENOTEMPTY');
  assert.equal(model.run('rename f d'), 'EISDIR');
  assert.equal(model.run('rename d f'), 'ENOTDIR');
  assert.equal(model.run('rename f d/f'), 'ok');
  assert.equal(model.dump(), 'dir d\ndir d/e\nfile d/f');
});

test('a seed gives the same layers and operations each time', () => {
  const story = () => {
    const random = new Random(42);
    return [
      randomLayer(random, { hasMarkers: true }),
      ...Array.from({ length: 50 }, () => randomOperation(random, ['a', 'b/c'])),
    ];
  };
  assert.deepEqual(story(), story());
});
