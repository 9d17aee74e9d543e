/** plyfs stat: attributes of files of an image, and the layer that each comes from. */

import { dirType, kindName, typeOfMode } from '../../base/mode.js';
import { textFromName } from '../../base/name.js';
import { jsonName, shown, shownText } from '../../base/shown.js';
import type { ImageView } from '../../image/tree/image-view.js';
import { newCommand } from '../command.js';
import { fullTimeText, modeText, sizeOrDevice } from '../file-text.js';
import { type ImageOptions, withImage, withView } from '../image-arguments.js';
import { wordBytes } from '../word-bytes.js';

interface Options extends ImageOptions {
  dereference?: boolean;
  json?: boolean;
}

export const command = withImage(
  newCommand('stat', 'Prints the attributes of files of an image, extended ones included, and the layer that they come from.', [
    'plyfs stat app.tar /etc/passwd',
    'plyfs stat -L --json busybox /bin/sh',
  ]),
)
  .argument('<paths...>', 'from the root of the image')
  .option('-L, --dereference', 'follow symlinks')
  .option('--json', 'print a JSON array')
  .action((image: string, paths: string[], options: Options) =>
    withView(image, options, (view) => {
      const facts = paths.map((path) => factsOf(view, path, options.dereference === true));
      process.stdout.write(
        options.json === true
          ? `${JSON.stringify(facts, undefined, 2)}\n`
          : paths.map((path, at) => describe(view, path, facts[at]!, options.dereference === true)).join(''),
      );
    }),
  );

type Facts = ReturnType<typeof factsOf>;

function factsOf(view: ImageView, path: string, follow: boolean) {
  const node = view.get(wordBytes(path), follow);
  const a = view.attributes(node);
  const { number, layer, history } = view.layerOf(node);
  const xattrs = Object.fromEntries([...view.xattrs(node)].map(([name, value]) => [textFromName(name), xattrText(value)]));
  return {
    ...jsonName('path', wordBytes(path)),
    ...(view.type(node) === dirType.lnk ? jsonName('target', view.readlink(node)) : {}),
    kind: kindName(typeOfMode(a.mode)),
    size: sizeOrDevice(a),
    inode: a.ino,
    links: a.nlink,
    mode: (a.mode & 0o7777).toString(8).padStart(4, '0'),
    permissions: modeText(a.mode),
    uid: a.uid,
    gid: a.gid,
    modify: fullTimeText(a.mtimeSec, a.mtimeNsec),
    layer: number,
    layerDigest: layer.label,
    createdBy: history?.createdBy,
    xattrs,
  };
}

/** As getfattr prints it: text as text, the rest as hex. */
function xattrText(value: Buffer): string {
  const text = value.toString('utf8');
  return /^[\p{L}\p{N}\p{P}\p{S}\p{Zs}]*$/u.test(text) ? JSON.stringify(text) : `0x${value.toString('hex')}`;
}

function describe(view: ImageView, path: string, facts: Facts, follow: boolean): string {
  const name = wordBytes(path);
  const node = view.get(name, follow);
  const target = view.type(node) === dirType.lnk ? ` -> ${shownText(view.readlink(node))}` : '';
  const lines = [
    `  File: ${shownText(name)}${target}`,
    `  Size: ${facts.size}\t${facts.kind}`,
    ` Inode: ${facts.inode}\tLinks: ${facts.links}`,
    `Access: (${facts.mode}/${facts.permissions})\tUid: ${facts.uid}\tGid: ${facts.gid}`,
    `Modify: ${facts.modify}`,
    ` Layer: ${facts.layer} ${facts.layerDigest}${facts.createdBy === undefined ? '' : ` (${shown(facts.createdBy)})`}`,
    ...Object.entries(facts.xattrs).map(([name, value]) => ` Xattr: ${shown(name)}=${value}`),
  ];
  return `${lines.join('\n')}\n`;
}
