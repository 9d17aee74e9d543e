/** plyfs check: is the store whole? */

import { checkStore, type Finding } from '../../store/check.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';
import { sizeText } from '../units.js';

export const command = newCommand(
  'check',
  'Hashes every blob of the store and looks whether each image has what it needs. Exit status 1 if anything is wrong.',
  ['plyfs check', 'plyfs check --repair'],
)
  .option('--repair', 'remove damaged blobs and the images that need them; load or pull those again')
  .option('--json', 'print a JSON object')
  .action(async (options: { repair?: boolean; json?: boolean }) => {
    const store = new Store();
    const result = await checkStore(store, options.repair === true);
    if (options.json === true) process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
    else {
      process.stdout.write(result.findings.map(describe).join(''));
      process.stdout.write(`${store.root}: ${result.blobs} blobs, ${sizeText(result.bytes)}: ${summary(result.findings)}\n`);
    }
    if (result.findings.some((finding) => finding.repair === undefined)) process.exitCode = 1;
  });

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
