/** plyfs search: repositories of a registry, in docker's columns. */

import { PlyfsError } from '../../base/errors.js';
import { defaultDomain, isShortName } from '../../oci/reference.js';
import type { SearchResult } from '../../registry/search.js';
import { newCommand } from '../command.js';
import { type RegistrySessionOptions, withRegistry, withRegistryOptions } from '../registry-session.js';
import { type Column, printListing, type Row } from '../table.js';
import { ellipsis } from '../units.js';

interface Options extends RegistrySessionOptions {
  limit: string;
  filter: string[];
  stars?: string;
  automated?: boolean;
  trunc: boolean;
  format?: string;
  json?: boolean;
}

const descriptionLength = 45;
const columns: readonly Column[] = [
  ['NAME', 'Name'],
  ['DESCRIPTION', 'Description'],
  ['STARS', 'StarCount'],
  ['OFFICIAL', 'IsOfficial'],
];

export const command = withRegistryOptions(
  newCommand('search', 'Searches Docker Hub or, where the term begins with a host, another registry.', [
    'plyfs search --filter is-official=true busybox',
    'plyfs search localhost:5000/team',
  ]),
)
  .argument('<term>', 'part of a name; HOST/TERM for another registry, and there * and ? match within names')
  .option('--limit <n>', 'at most so many results, 1 to 100', '25')
  .option(
    '-f, --filter <key=value>',
    'is-official=true, is-automated=true, stars=N',
    (text: string, all: string[]) => [...all, text],
    [],
  )
  .option('-s, --stars <n>', 'as --filter stars=N')
  .option('--automated', 'as --filter is-automated=true')
  .option('--no-trunc', 'whole descriptions')
  .option('--format <template>', 'a Go template, "table TEMPLATE" or "json"')
  .option('--json', 'print a JSON array')
  .action(async (text: string, options: Options) => {
    const limit = limitFrom(options.limit);
    const filters = filtersFrom(options);
    const { domain, term } = whereToSearch(text);
    const found = await withRegistry(options, (session) => session.search(domain, term, { limit }));
    const shown = found
      .filter((result) => filters.every((accepts) => accepts(result)))
      .sort((one, other) => other.stars - one.stars)
      .map((result) => (domain === defaultDomain ? result : { ...result, name: `${domain}/${result.name}` }));
    printListing(
      shown.map((result) => rowOf(result, options.trunc)),
      columns,
      options,
      shown,
    );
  });

/** `quay.io/foo` is foo at quay.io, `quay.io/` all that it has. */
function whereToSearch(text: string): { domain: string; term: string } {
  if (isShortName(text)) return { domain: defaultDomain, term: text };
  const slash = text.indexOf('/');
  return { domain: text.slice(0, slash), term: text.slice(slash + 1) };
}

function limitFrom(text: string): number {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= 100) return limit;
  throw new PlyfsError('usage', `--limit ${text} is outside the range of 1 to 100`);
}

type Filter = (result: SearchResult) => boolean;

function filtersFrom(options: Options): Filter[] {
  const words = [...options.filter];
  if (options.stars !== undefined) words.push(`stars=${options.stars}`);
  if (options.automated === true) words.push('is-automated=true');
  return words.map(filterFrom);
}

function filterFrom(word: string): Filter {
  const [key, value = ''] = word.split('=', 2);
  if (key === 'stars' && /^\d{1,9}$/.test(value)) return ({ stars }) => stars >= Number(value);
  const wanted = { true: true, '1': true, false: false, '0': false }[value];
  if (key === 'is-official' && wanted !== undefined) return ({ isOfficial }) => isOfficial === wanted;
  if (key === 'is-automated' && wanted !== undefined) return ({ isAutomated }) => isAutomated === wanted;
  const sentence = `--filter ${word} is not is-official=true, is-automated=true (or false) or stars=N`;
  throw new PlyfsError('usage', sentence);
}

function rowOf({ name, description, stars, isOfficial, isAutomated }: SearchResult, trunc: boolean): Row {
  return {
    Name: name,
    Description: trunc ? ellipsis(description, descriptionLength) : description,
    StarCount: String(stars),
    IsOfficial: isOfficial ? '[OK]' : '',
    IsAutomated: isAutomated ? '[OK]' : '',
  };
}
