/** plyfs blame: which layers wrote, replaced or deleted a path. */

import { PlyfsError } from '../../base/errors.js';
import { dirType, kindName } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import { jsonName, shownText } from '../../base/shown.js';
import type { ImageView } from '../../image/tree/image-view.js';
import { changesOf, type PathChange, physicalPath } from '../../image/tree/provenance.js';
import { newCommand } from '../command.js';
import { type ImageOptions, withImage, withView } from '../image-arguments.js';
import { tableText } from '../table.js';
import { ellipsis, sizeText } from '../units.js';
import { wordBytes } from '../word-bytes.js';

interface Options extends ImageOptions {
  recursive?: boolean;
  trunc: boolean;
  json?: boolean;
}

interface Blamed {
  readonly path: Name;
  readonly changes: readonly PathChange[];
}

export const command = withImage(
  newCommand(
    'blame',
    'Lists the layers that wrote, replaced or deleted a path, the newest first, with the step that made each.',
    ['plyfs blame app.tar /etc/passwd', 'plyfs blame -r busybox /etc'],
  ),
)
  .argument('<path>', 'from the root of the image; a symlink on the way is followed, the last name is not')
  .option('-r, --recursive', 'the newest change of each name below')
  .option('--no-trunc', 'whole digests and commands')
  .option('--json', 'print a JSON array')
  .action((image: string, path: string, options: Options) =>
    withView(image, options, (view) => {
      const name = physicalPath(view, wordBytes(path));
      const blamed = options.recursive === true ? blameBelow(view, name) : [{ path: name, changes: changesOf(view.stack, name) }];
      if (options.recursive !== true && blamed[0]!.changes.length === 0) {
        throw new PlyfsError('ENOENT', `no layer of ${image} has ${path}`);
      }
      process.stdout.write(options.json === true ? jsonText(blamed) : plainText(blamed, options));
    }),
  );

function blameBelow(view: ImageView, path: Name): Blamed[] {
  const blamed: Blamed[] = [];
  const visit = (node: number, at: Name): void => {
    blamed.push({ path: at, changes: changesOf(view.stack, at) });
    if (view.type(node) !== dirType.dir) return;
    for (const child of view.list(node)) visit(child.node, `${at === '/' ? '' : at}/${child.name}` as Name); // joined of Names
  };
  visit(view.get(path, false), path);
  return blamed;
}

function plainText(blamed: readonly Blamed[], options: Options): string {
  const isTree = options.recursive === true;
  const rows = blamed.flatMap(({ path, changes }) =>
    (isTree ? changes.slice(0, 1) : changes).map((change) => [
      String(change.layer.number),
      options.trunc ? change.layer.layer.label.replace(/^sha256:([0-9a-f]{12}).*/, '$1') : change.layer.layer.label,
      change.kind,
      change.kind === 'deleted' ? '' : kindName(change.type),
      change.type === dirType.reg ? sizeText(change.sizeBytes) : '',
      ...(isTree ? [shownText(path)] : []),
      options.trunc ? ellipsis(createdBy(change), 60) : createdBy(change),
    ]),
  );
  return tableText(['LAYER', 'DIGEST', 'CHANGE', 'KIND', 'SIZE', ...(isTree ? ['PATH'] : []), 'CREATED BY'], rows);
}

function createdBy(change: PathChange): string {
  return (change.layer.history?.createdBy ?? '').replaceAll(/[\t\n]/g, ' ');
}

function jsonText(blamed: readonly Blamed[]): string {
  const objects = blamed.flatMap(({ path, changes }) =>
    changes.map((change) => ({
      ...jsonName('path', path),
      layer: change.layer.number,
      digest: change.layer.layer.label,
      change: change.kind,
      kind: change.kind === 'deleted' ? undefined : kindName(change.type),
      size: change.sizeBytes,
      createdBy: change.layer.history?.createdBy,
    })),
  );
  return `${JSON.stringify(objects, undefined, 2)}\n`;
}
