/** The merged tree of an image for programs: no mount, no root. Synchronous but for nothing: all answers come from indexes in memory,
 *  content from the tars. */

import { readSync } from 'node:fs';
import { Attributes } from '../base/attributes.js';
import { PlyfsError } from '../base/errors.js';
import { dirType, kindName } from '../base/mode.js';
import { type Name, textFromName } from '../base/name.js';
import type { Content, LayerDir } from '../layers/layer.js';
import { nodeFlag } from '../layers/node-table.js';
import { Union } from '../layers/union.js';
import { Counters } from '../observe/counters.js';
import type { OpenedLayer } from './stack.js';

/** A node of the merged tree; valid while the view is open. */
export type NodeNumber = number;

export interface ViewEntry {
  readonly name: Name;
  readonly type: number;
  readonly node: NodeNumber;
}

/** As Linux: symlinks followed on one path before it gives up. */
const symlinkLimit = 40;
const chunkBytes = 1024 * 1024;

export class View {
  private readonly union: Union;

  /** `stack` is top first, as openStackOf gives it; `close` closes it. */
  constructor(
    readonly label: string,
    readonly stack: readonly OpenedLayer[],
  ) {
    if (stack.length === 0) throw new PlyfsError('no-layer', `${label} has no layers`);
    this.union = new Union({ layers: stack.map(({ layer }) => layer), hasUpper: false, counters: new Counters() });
  }

  get root(): NodeNumber {
    return this.union.root.node;
  }

  /** The node at `path` from the root, undefined where there is none. Symlinks on the way are followed inside the image, and the last one
   *  with `follow`. PlyfsError ELOOP. */
  find(path: Name, follow = true): NodeNumber | undefined {
    const left = partsOf(path).reverse();
    const above: NodeNumber[] = [this.root];
    let symlinks = 0;
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      const at = above.at(-1)!; // the root is never popped
      if (name === '..') {
        if (above.length > 1) above.pop();
        continue;
      }
      const child = this.child(at, name);
      if (child === undefined) return undefined;
      const type = this.type(child);
      if (type === dirType.lnk && (follow || left.length > 0)) {
        if (++symlinks > symlinkLimit)
          throw new PlyfsError('ELOOP', `${textFromName(path)} in ${this.label} leads through too many symlinks`);
        const target = this.readlink(child);
        if (target.startsWith('/')) above.length = 1;
        left.push(...partsOf(target).reverse());
      } else if (type === dirType.dir) {
        above.push(child);
      } else {
        return left.length === 0 ? child : undefined;
      }
    }
    return above.at(-1);
  }

  /** As find. PlyfsError ENOENT names the path. */
  get(path: Name, follow = true): NodeNumber {
    const node = this.find(path, follow);
    if (node === undefined) throw new PlyfsError('ENOENT', `${this.label} has no ${textFromName(path)}`);
    return node;
  }

  private child(directory: NodeNumber, name: Name): NodeNumber | undefined {
    const entry = this.union.resolve(directory, name);
    return entry === 0 ? undefined : this.union.statEntry(entry);
  }

  /** d_type. */
  type(node: NodeNumber): number {
    return this.union.tree.nodes.type(node);
  }

  /** Sorted by bytes. PRE: a directory. */
  list(directory: NodeNumber): ViewEntry[] {
    const { tree } = this.union;
    const { children, used } = this.union.loaded(directory);
    const entries: ViewEntry[] = [];
    for (let i = 0; i < used; i++) {
      const entry = children[i]!;
      if (entry === 0 || tree.names.node(entry) === 0) continue;
      const node = this.union.statEntry(entry);
      entries.push({ name: tree.names.name(entry), type: tree.nodes.type(node), node });
    }
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** A directory as ViewEntry list, or PlyfsError ENOTDIR. */
  listAt(path: Name): ViewEntry[] {
    const node = this.get(path);
    if (this.type(node) !== dirType.dir) {
      throw new PlyfsError(
        'ENOTDIR',
        `${textFromName(path)} in ${this.label} is a ${kindName(this.type(node))}, not a directory`,
      );
    }
    return this.list(node);
  }

  attributes(node: NodeNumber): Attributes {
    const attributes = new Attributes();
    if (!this.union.tree.nodes.has(node, nodeFlag.hasAttributes)) this.union.statNode(node);
    this.union.tree.nodes.load(node, attributes);
    return attributes;
  }

  /** PRE: a symlink. */
  readlink(node: NodeNumber): Name {
    const { layer, dir, name, ref } = this.union.locate(node);
    return layer.readlink(dir, name, ref);
  }

  xattrs(node: NodeNumber): Map<Name, Buffer> {
    const found = new Map<Name, Buffer>();
    if (this.type(node) === dirType.dir) {
      const { layer, dir } = this.topOf(node);
      for (const key of layer.listxattrDirectory(dir)) found.set(key, layer.getxattrDirectory(dir, key)!); // just listed
    } else {
      const { layer, dir, name, ref } = this.union.locate(node);
      for (const key of layer.listxattr(dir, name, ref)) found.set(key, layer.getxattr(dir, name, ref, key)!); // just listed
    }
    return found;
  }

  /** Where a directory's attributes come from (L-5). */
  private topOf(node: NodeNumber): { layer: OpenedLayer['layer']; dir: LayerDir } {
    const { position, dir } = this.union.spelledOut(this.union.tree.directory(node));
    return { layer: this.stack[position]!.layer, dir }; // positions are those of the stack
  }

  /** The layer that the node's bytes, or a directory's attributes, come from. */
  layerOf(node: NodeNumber): OpenedLayer {
    const layer = this.type(node) === dirType.dir ? this.topOf(node).layer : this.union.locate(node).layer;
    return this.stack.find((opened) => opened.layer === layer)!; // every layer of the union is of the stack
  }

  /** The bytes of a regular file, in order. PRE: one. The chunks are the caller's to keep. */
  *read(node: NodeNumber, from = 0, to = Number.POSITIVE_INFINITY): Generator<Buffer> {
    const { layer, dir, name, ref } = this.union.locate(node);
    const content = layer.open(dir, name, ref);
    try {
      const end = Math.min(to, content.size);
      for (let at = from; at < end; at += chunkBytes) yield readContent(content, at, Math.min(chunkBytes, end - at));
    } finally {
      content.close();
    }
  }

  /** The whole of a regular file. */
  readAll(node: NodeNumber): Buffer {
    return Buffer.concat([...this.read(node)]);
  }

  close(): void {
    this.union.close();
  }
}

/** Bytes [at, at + length) of a content, holes as zeros. PRE: within its size. */
function readContent(content: Content, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const ranges = content.extents ?? [{ offset: 0, length: content.size, at: content.start }];
  for (const range of ranges) {
    const from = Math.max(at, range.offset);
    const to = Math.min(at + length, range.offset + range.length);
    if (from < to) fill(content.fd, bytes.subarray(from - at, to - at), range.at + (from - range.offset));
  }
  return bytes;
}

function fill(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    const count = readSync(fd, bytes, done, bytes.length - done, position + done);
    if (count === 0)
      throw new PlyfsError('truncated', `the layer's file ends at byte ${position + done}: it was cut off since it was opened`);
    done += count;
  }
}

function partsOf(path: Name): Name[] {
  return path.split('/').filter((part) => part !== '' && part !== '.') as Name[]; // parts of a Name are Names
}
