/** plyfs ps: the containers, in docker's columns. */

import { shortId } from '../../base/digest.js';
import { type ContainerState, containerStates } from '../../container/containers.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';
import { type Column, printListing, type Row } from '../table.js';
import { ageText, timeText } from '../units.js';

interface Options {
  all?: boolean;
  format?: string;
  json?: boolean;
  trunc: boolean;
  quiet?: boolean;
}

const columns: readonly Column[] = [
  ['CONTAINER ID', 'ID'],
  ['IMAGE', 'Image'],
  ['CREATED', 'CreatedSince'],
  ['STATUS', 'Status'],
  ['NAMES', 'Names'],
];

export const command = newCommand('ps', 'Lists containers that are mounted, or all, the newest first.', [
  'plyfs ps -a',
  'plyfs ps -aq',
  "plyfs ps -a --format '{{.Names}} {{.Status}}'",
])
  .option('-a, --all', 'also those that are not mounted')
  .option('--format <template>', 'a Go template, "table TEMPLATE" or "json"')
  .option('--json', 'print a JSON array')
  .option('--no-trunc', 'whole IDs')
  .option('-q, --quiet', 'print IDs only')
  .action((options: Options) => {
    const states = containerStates(new Store()).filter(({ mount }) => options.all === true || mount !== undefined);
    const rows = states.map((state) => rowOf(state, options.trunc));
    printListing(rows, columns, { ...options, only: options.quiet === true ? 'ID' : undefined }, states.map(objectOf));
  });

function rowOf({ id, name, imageName, image, created, mount }: ContainerState, trunc: boolean): Row {
  return {
    ID: trunc ? id.slice(0, 12) : id,
    Image: /^(sha256:)?[0-9a-f]{12,}$/.test(imageName) ? shortId(image.id) : imageName,
    CreatedSince: ageText(created),
    CreatedAt: timeText(created),
    Status: mount === undefined ? 'Created' : `Mounted on ${mount.target}`,
    State: mount === undefined ? 'created' : 'mounted',
    Mount: mount?.target ?? '',
    Names: name,
  };
}

function objectOf({ id, name, imageName, image, created, upper, work, mount }: ContainerState): unknown {
  return { id, name, image: image.id, imageName, created, upper, work, mount: mount?.target ?? null, pid: mount?.pid ?? null };
}
