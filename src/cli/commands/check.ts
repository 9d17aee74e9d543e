/** plyfs check: is the store whole? */

import { type LayerNote, sentenceOf, symlinkParentsOf } from '../../image/stack/symlink-parents.js';
import { type CheckResult, checkStore, type Finding } from '../../store/check.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';
import { sizeText } from '../units.js';

export const command = newCommand(
  'check',
  'Hashes every blob of the store and looks whether each image has what it needs. Exit status 1 if anything is wrong. Notes name layers that ' +
    'tools read in two ways; they are no damage.',
  ['plyfs check', 'plyfs check --repair'],
)
  .option('--repair', 'remove damaged blobs and the images that need them; load or pull those again')
  .option('--json', 'print a JSON object')
  .action(async (options: { repair?: boolean; json?: boolean }) => {
    const store = new Store();
    const result = await checkStore(store, options.repair === true);
    const notes = notesOf(store, result);
    if (options.json === true) process.stdout.write(`${JSON.stringify({ ...result, notes }, undefined, 2)}\n`);
    else {
      process.stdout.write([...result.findings.map(describe), ...notes.map((note) => `${sentenceOf(note)}\n`)].join(''));
      process.stdout.write(unfinishedText(result));
      process.stdout.write(`${store.root}: ${result.blobs} blobs, ${sizeText(result.bytes)}: ${summary(result.findings)}\n`);
    }
    if (result.findings.some((finding) => finding.repair === undefined)) process.exitCode = 1;
  });

function unfinishedText({ unfinished: { files, bytes } }: CheckResult): string {
  if (files === 0) return '';
  const left = files === 1 ? '1 unfinished file is' : `${files} unfinished files are`;
  return `note: ${left} left of what was killed (${sizeText(bytes)}): plyfs prune removes them\n`;
}

/** Of the images that are whole. */
function notesOf(store: Store, { findings }: CheckResult): LayerNote[] {
  const broken = new Set(findings.map(({ subject }) => subject));
  const whole = [...store.catalog().images.values()].filter(({ id }) => !broken.has(id));
  return whole.flatMap((image) => symlinkParentsOf(store, image));
}

function describe(finding: Finding): string {
  return `${finding.sentence}${finding.repair === undefined ? '' : ` (${finding.repair})`}\n`;
}

function summary(findings: readonly Finding[]): string {
  if (findings.length === 0) return 'whole';
  const count = `${findings.length} problem${findings.length === 1 ? '' : 's'}`;
  return findings.every((finding) => finding.repair !== undefined)
    ? `${count} repaired`
    : `${count}; --repair removes what is damaged`;
}
