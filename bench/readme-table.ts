/** Puts the table of bench/results/latest.json between the markers of README.md: `node dist/bench/readme-table.js`. */

import { readFileSync, writeFileSync } from 'node:fs';
import { markdownTable } from '../src/bench/report.js';
import type { Results } from '../src/bench/results.js';

const [begin, end] = ['<!-- bench:begin -->', '<!-- bench:end -->'];

const results = JSON.parse(readFileSync('bench/results/latest.json', 'utf8')) as Results; // as: the bench wrote it
const readme = readFileSync('README.md', 'utf8');
const [from, to] = [readme.indexOf(begin), readme.indexOf(end)];
if (from < 0 || to < from) throw new Error(`README.md lacks ${begin} and ${end}`);
const table = `${begin}\n\n${markdownTable(results).join('\n')}\n\n${end}`;
writeFileSync('README.md', readme.slice(0, from) + table + readme.slice(to + end.length));
