/** The progress line of load and save: on a terminal only, and never wider than it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Digest } from '../../../src/base/digest.js';
import { Progress } from '../../../src/cli/progress.js';
import type { SourceImage, SourceLayer } from '../../../src/oci/source.js';

const layer = { diffId: 'sha256:1' as Digest, sizeBytes: 1000 } as SourceLayer; // what the line asks for
const images = [{ layers: [layer] } as unknown as SourceImage];

/** What a terminal of so many columns is sent, or no terminal. */
function drawn(columns: number | undefined, use: (progress: Progress) => void, isQuiet = false): string {
  let text = '';
  const write = (part: string) => {
    text += part;
  };
  use(new Progress('Loading', isQuiet, { isTTY: columns !== undefined, columns, write } as unknown as NodeJS.WriteStream));
  return text;
}

const half = (progress: Progress) => {
  progress.onImages(images);
  progress.onBytes(layer, 500);
  progress.end();
};

test('a terminal shows bytes, layers, rate and time left, and nothing afterwards', () => {
  const [before, line, after] = drawn(100, half).split('\r\x1b[K');
  assert.deepEqual([before, after], ['', '']);
  assert.match(line ?? '', /^Loading \[={12} {12}\] 500B\/1kB, layer 1\/1, [\d.]+\wB\/s, \d+ s left$/);
  assert.match(drawn(0, half), /Loading \[=+ +\] 500B/, 'a terminal that does not know its size');
});

test('the line fits the terminal', () => {
  for (const columns of [10, 30, 50, 60, 70, 200]) {
    for (const part of drawn(columns, half).split('\r\x1b[K')) assert.ok(part.length < columns, `${columns}: ${part}`);
  }
});

test('a pipe and --quiet show nothing', () => {
  assert.equal(drawn(undefined, half), '');
  assert.equal(drawn(80, half, true), '');
});

test('what comes before the layers are known is counted', () => {
  assert.match(
    drawn(80, (progress) => progress.onReceived(2_000_000, undefined)),
    /Receiving 2MB, [\d.]+\wB\/s$/,
  );
  assert.match(
    drawn(80, (progress) => progress.onReceived(500, 1000)),
    /Unpacking \[=+ +\] 500B\/1kB, /,
  );
});

test('a tar that is made is counted while its chunks pass as they are', () => {
  const chunks = [Buffer.alloc(700_000), Buffer.alloc(800_000)];
  const passed: Buffer[] = [];
  const text = drawn(80, (progress) => {
    passed.push(...progress.counted(chunks));
    progress.end();
  });
  assert.deepEqual(passed, chunks);
  const [before, line, after] = text.split('\r\x1b[K');
  assert.deepEqual([before, after], ['', '']);
  assert.match(line ?? '', /^Loading 700kB, [\d.]+\wB\/s$/);
});

test('the line is cleared also when the work fails', async () => {
  let text = '';
  const output = { isTTY: true, columns: 80, write: (part: string) => (text += part) };
  const progress = new Progress('Committing', false, output as unknown as NodeJS.WriteStream); // what the line asks for
  const work = async () => {
    progress.onWritten(1000);
    throw new Error('no');
  };
  await assert.rejects(progress.during(work));
  assert.ok(text.endsWith('\r\x1b[K'));
});
