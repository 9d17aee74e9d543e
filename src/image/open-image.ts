/** The library: an image as a tree of files and a list of layers, for TypeScript programs; no FUSE, no root. */

import { Readable } from 'node:stream';
import { deviceMajor, deviceMinor } from '../base/attributes.js';
import type { Digest } from '../base/digest.js';
import { PlyfsError } from '../base/errors.js';
import { dirType, kindName, kindWords } from '../base/mode.js';
import { bytesFromName, type Name, nameFromBytes, nameFromText, textFromName } from '../base/name.js';
import type { HistoryEntry, ImageConfig } from '../oci/config.js';
import type { CopyProgress } from '../oci/source.js';
import { Store } from '../store/store.js';
import { ensureImage } from './ensure.js';
import { locateImage } from './find/locate.js';
import type { LocatedImage } from './stack/located-image.js';
import { openStackOf } from './stack/stack.js';
import type { StackChoice } from './stack/stack-choice.js';
import { ImageView, type NodeNumber } from './tree/image-view.js';
import { changesOf, physicalPath } from './tree/provenance.js';

export interface OpenImageOptions extends StackChoice {
  /** Picks from an index: `linux/arm64`. By default this machine's, or the only one there is. */
  readonly platform?: string;
  /** Ends a pull: the promise rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Told of the bytes of layers that are pulled. */
  readonly progress?: CopyProgress;
  /** Directory of the store, for images by name, decompressed layers and saved indexes. By default as the command's. */
  readonly root?: string;
}

/** A path in the image, from its root. Text is UTF-8; a Buffer for names that are not. */
export type ImagePath = string | Buffer;

export type FileKind = 'file' | 'dir' | 'symlink' | 'chr' | 'blk' | 'fifo' | 'sock' | 'unknown';

export interface ImageEntry {
  /** Read as UTF-8; what is not UTF-8 becomes U+FFFD, so use `nameBytes` to go on with it. */
  readonly name: string;
  readonly nameBytes: Buffer;
  readonly kind: FileKind;
}

export interface ImageStat {
  readonly kind: FileKind;
  /** Kind and permission bits, as st_mode. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes; of a directory as st_size. */
  readonly size: number;
  readonly ino: number;
  readonly nlink: number;
  readonly mtimeSec: number;
  readonly mtimeNsec: number;
  /** Of chr and blk. */
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** The layer that the object comes from, the bottom being 1. */
  readonly layer: number;
}

export interface WalkEntry extends ImageEntry {
  /** From the image's root, beginning with `/`. */
  readonly path: string;
  readonly pathBytes: Buffer;
  readonly stat: ImageStat;
}

export interface ImageLayer {
  /** The bottom is 1. */
  readonly number: number;
  /** Digest of the uncompressed tar, as the config claims; undefined for a lone tar. */
  readonly diffId: Digest | undefined;
  readonly history: HistoryEntry | undefined;
  /** Bytes of the uncompressed tar, and the sum of its regular files' sizes. */
  readonly tarBytes: number;
  readonly contentBytes: number;
  /** Names in it, markers not counted. */
  readonly entries: number;
}

export interface PathVersion {
  readonly layer: ImageLayer;
  readonly change: 'added' | 'replaced' | 'deleted';
  readonly kind: FileKind;
  readonly size: number;
}

/** Only openImage makes images: what they are made of is not for users. */
let newImage: (located: LocatedImage, opened: ImageView) => Image;

/** Opens an archive, layout, root tar or stored image, as the command line names it (`app.tar`, `app.tar#busybox:1`, `busybox:latest`, an
 *  ID); `docker://HOST/NAME:TAG` is pulled first where the store lacks it. Compressed layers are decompressed into the store once. PlyfsError says what is wrong with it. */
export async function openImage(pathOrName: string, options: OpenImageOptions = {}): Promise<Image> {
  const store = new Store(options.root);
  const { platform, signal, progress } = options;
  const name = await ensureImage(store, pathOrName, {
    platform,
    policy: pathOrName.startsWith('docker://') ? 'missing' : 'never',
    ...(progress !== undefined && { progress }),
    ...(signal !== undefined && { registry: { signal } }),
  });
  const located = await locateImage(store, name, platform);
  return newImage(located, new ImageView(located.label, await openStackOf(store, located, options)));
}

/** Errors of the methods that take a path are PlyfsError with the code ENOENT, ENOTDIR, EISDIR, EINVAL or ELOOP. */
export class Image implements Disposable {
  /** Bottom first. */
  readonly layers: readonly ImageLayer[];
  private isClosed = false;

  static {
    newImage = (located, opened) => new Image(located, opened);
  }

  private constructor(
    private readonly located: LocatedImage,
    private readonly opened: ImageView,
  ) {
    this.layers = [...opened.stack].reverse().map(({ layer, number, diffId, history }) => ({
      number,
      diffId,
      history,
      tarBytes: layer.index.archiveBytes,
      contentBytes: layer.index.contentBytes(),
      entries: layer.index.entries - 1,
    }));
  }

  private get view(): ImageView {
    if (this.isClosed) throw new PlyfsError('closed', `${this.located.label} is closed: open it again`);
    return this.opened;
  }

  /** Digest of the config; undefined for a lone tar, as is `config`. */
  get id(): Digest | undefined {
    return this.located.id;
  }

  get config(): ImageConfig | undefined {
    return this.located.config;
  }

  /** Canonical references that the archive or the store gives it. */
  get names(): readonly string[] {
    return this.located.names;
  }

  /** Oldest first, steps without a layer included; empty where the config tells none. */
  get history(): readonly HistoryEntry[] {
    return this.located.config?.history ?? [];
  }

  /** Sorted by their bytes. Symlinks to directories are followed. */
  readdir(path: ImagePath): ImageEntry[] {
    return this.view.listAt(pathName(path)).map(({ name, type }) => entryOf(name, type));
  }

  /** Whether there is something, symlinks followed; false also where they lead in a circle, as Node's existsSync. */
  exists(path: ImagePath): boolean {
    return typeof this.view.resolve(pathName(path)) !== 'string';
  }

  stat(path: ImagePath): ImageStat {
    return this.statNode(this.view.get(pathName(path)));
  }

  /** Of a symlink itself. */
  lstat(path: ImagePath): ImageStat {
    return this.statNode(this.view.get(pathName(path), false));
  }

  readlink(path: ImagePath): string {
    const node = this.view.get(pathName(path), false);
    if (this.view.type(node) !== dirType.lnk) throw new PlyfsError('EINVAL', `${textOf(path)} is no symlink`);
    return textFromName(this.view.readlink(node));
  }

  /** The whole content of a regular file. */
  readFile(path: ImagePath): Buffer {
    return this.view.readAll(this.regular(path));
  }

  /** The content as a stream, for large files. */
  createReadStream(path: ImagePath): Readable {
    return Readable.from(this.view.read(this.regular(path)), { objectMode: false });
  }

  private regular(path: ImagePath): NodeNumber {
    const node = this.view.get(pathName(path));
    const type = this.view.type(node);
    if (type === dirType.reg) return node;
    throw new PlyfsError(type === dirType.dir ? 'EISDIR' : 'EINVAL', `${textOf(path)} is ${kindWords(type)}, not a regular file`);
  }

  /** Extended attributes by name; symlinks not followed. */
  xattrs(path: ImagePath): Map<string, Buffer> {
    const found = this.view.xattrs(this.view.get(pathName(path), false));
    return new Map([...found].map(([name, value]) => [textFromName(name), Buffer.from(value)]));
  }

  /** Everything below a directory, parents before children, children sorted by their bytes; symlinks are not followed. */
  *walk(path: ImagePath = '/'): Generator<WalkEntry> {
    const start = pathName(path);
    const node = this.view.get(start);
    const prefix = start
      .split('/')
      .filter((part) => part !== '')
      .map((part) => `/${part}`)
      .join('');
    if (this.view.type(node) === dirType.dir) yield* this.walkBelow(node, prefix);
  }

  private *walkBelow(directory: NodeNumber, prefix: string): Generator<WalkEntry> {
    for (const { name, type, node } of this.view.list(directory)) {
      const path = `${prefix}/${name}` as Name; // joined of Names
      yield { ...entryOf(name, type), path: textFromName(path), pathBytes: bytesFromName(path), stat: this.statNode(node) };
      if (type === dirType.dir) yield* this.walkBelow(node, path);
    }
  }

  /** Which layers wrote, replaced or deleted a path, newest first; symlinks on the way are followed, the last name is not. */
  versions(path: ImagePath): PathVersion[] {
    return changesOf(this.view.stack, physicalPath(this.view, pathName(path))).map(({ layer, kind, type, sizeBytes }) => ({
      layer: this.layers.find(({ number }) => number === layer.number)!, // the stack's own
      change: kind,
      kind: kindOf(type),
      size: sizeBytes,
    }));
  }

  /** Gives back the descriptors. From then on whatever asks for files is refused with PlyfsError `closed`; closing twice does nothing. */
  close(): void {
    this.isClosed = true;
    this.opened.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  private statNode(node: NodeNumber): ImageStat {
    const { mode, uid, gid, size, ino, nlink, mtimeSec, mtimeNsec, rdev } = this.view.attributes(node);
    return {
      kind: kindOf(this.view.type(node)),
      mode,
      uid,
      gid,
      size,
      ino,
      nlink,
      mtimeSec,
      mtimeNsec,
      deviceMajor: deviceMajor(rdev),
      deviceMinor: deviceMinor(rdev),
      layer: this.view.layerOf(node).number,
    };
  }
}

function entryOf(name: Name, type: number): ImageEntry {
  return { name: textFromName(name), nameBytes: bytesFromName(name), kind: kindOf(type) };
}

function kindOf(type: number): FileKind {
  return kindName(type) as FileKind; // kindName's words are these
}

function pathName(path: ImagePath): Name {
  return typeof path === 'string' ? nameFromText(path) : nameFromBytes(path);
}

function textOf(path: ImagePath): string {
  return typeof path === 'string' ? path : path.toString('utf8');
}
