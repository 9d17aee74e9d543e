/** Puts the tables of bench/results/latest.json and images.json between their markers of README.md: `node dist/bench/readme-table.js`. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { markdownTable } from '../src/bench/report.js';
import type { Results } from '../src/bench/results.js';
import type { ImageResults } from './images/session.js';
import { imageMarkdown } from './images/table.js';

function putTable(readme: string, name: string, lines: readonly string[]): string {
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`README.md lacks ${begin} and ${end}`);
  return `${readme.slice(0, from)}${begin}\n\n${lines.join('\n')}\n\n${readme.slice(to)}`;
}

const [main, images] = ['bench/results/latest.json', 'bench/results/images.json'];
let readme = readFileSync('README.md', 'utf8');
// as, twice: the benches wrote them
if (existsSync(main)) readme = putTable(readme, 'bench', markdownTable(JSON.parse(readFileSync(main, 'utf8')) as Results));
if (existsSync(images))
  readme = putTable(readme, 'bench-images', imageMarkdown(JSON.parse(readFileSync(images, 'utf8')) as ImageResults));
writeFileSync('README.md', readme);
