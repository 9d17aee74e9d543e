/** plyfs ps: the containers, in docker's columns. */

import { shortId } from '../../base/digest.js';
import { type ListedContainer, listedContainers } from '../../container/listing.js';
import { type ContainerSize, containerSize } from '../../container/size.js';
import { Store } from '../../store/store.js';
import { quotedText } from '../../template/printf.js';
import { collected, newCommand, wholeNumber } from '../command.js';
import { type Column, printListing, type Row } from '../table.js';
import { ageText, ellipsis, sizeText, timeText } from '../units.js';

interface Options {
  all?: boolean;
  filter: string[];
  format?: string;
  json?: boolean;
  last?: number;
  latest?: boolean;
  trunc: boolean;
  quiet?: boolean;
  size?: boolean;
}

const columns: readonly Column[] = [
  ['CONTAINER ID', 'ID'],
  ['IMAGE', 'Image'],
  ['CREATED', 'CreatedSince'],
  ['STATUS', 'Status'],
  ['NAMES', 'Names'],
];
const commandLength = 20;

export const command = newCommand('ps', 'Lists containers that are mounted, or all, the newest first.', [
  'plyfs ps -a',
  'plyfs ps -aq --filter label=com.example.team=web --filter ancestor=app:1.0',
  "plyfs ps -a --format '{{.Names}} {{.Status}}'",
])
  .option('-a, --all', 'also those that are not mounted')
  .option(
    '-f, --filter <key=value>',
    'id, name, label, status, ancestor, before, since, health, exited, volume, network, publish, expose',
    collected,
    [],
  )
  .option('--format <template>', 'a Go template, "table TEMPLATE" or "json"')
  .option('--json', 'print a JSON array')
  .option('-n, --last <n>', 'the newest so many, mounted or not', wholeNumber)
  .option('-l, --latest', 'the newest, mounted or not')
  .option('--no-trunc', 'whole IDs and commands')
  .option('-q, --quiet', 'print IDs only')
  .option('-s, --size', 'show what was written in each, and its whole size')
  .action((options: Options) => {
    const { all, filter, format, latest, last, quiet } = options;
    const listed = listedContainers(new Store(), {
      all: all === true,
      last: latest === true ? 1 : last,
      filters: filter,
    });
    const isSized = options.size === true || (quiet !== true && /\.Size\b|^\s*json\s*$|json \./.test(format ?? ''));
    const rows = listed.map((container) => rowOf(container, options.trunc, isSized ? containerSize(container) : undefined));
    const shown = options.size === true ? [...columns, ['SIZE', 'Size'] as const] : columns;
    const labels = listed.map((container) => container.labels);
    printListing(rows, shown, { ...options, labels, only: quiet === true ? 'ID' : undefined }, listed.map(objectOf));
  });

function rowOf(container: ListedContainer, trunc: boolean, size: ContainerSize | undefined): Row {
  const { id, name, imageName, image, created, mount, labels } = container;
  const words = container.command.join(' ');
  return {
    ID: trunc ? id.slice(0, 12) : id,
    Image: /^(sha256:)?[0-9a-f]{12,}$/.test(imageName) ? shortId(image.id) : imageName,
    Command: quotedText(trunc ? ellipsis(words, commandLength) : words, '"'),
    CreatedSince: ageText(created),
    CreatedAt: timeText(created),
    RunningFor: ageText(created),
    Status: mount === undefined ? 'Created' : `Mounted on ${mount.target}`,
    State: mount === undefined ? 'created' : 'mounted',
    Mount: mount?.target ?? '',
    Mounts: '',
    Names: name,
    Labels: labelsText(labels),
    LocalVolumes: '0',
    Networks: '',
    Ports: '',
    Size: size === undefined ? '' : `${sizeText(size.writtenBytes)} (virtual ${sizeText(size.viewBytes)})`,
  };
}

/** `a=b,c=d` */
function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',');
}

function objectOf(container: ListedContainer): unknown {
  const { id, name, imageName, image, created, upper, work, mount, command: words, labels } = container;
  const { target = null, pid = null } = mount ?? {};
  return { id, name, image: image.id, imageName, command: words, created, labels, upper, work, mount: target, pid };
}
