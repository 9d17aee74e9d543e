/** Reads a tar as it streams by: give it chunks with `push`, it reports each entry with the place of its data. Nothing is kept but the
 *  header at hand, its PAX records and long names, all bounded by limits.ts. Who can seek skips data with `skippable` and `skip`.
 *  Errors are PlyfsError BAD_TAR and OVER_LIMIT, which name the entry and the field; after one the parser is of no further use.
 *  Where archives are doubtful it reads as Go's archive/tar does, because the engines that made them do. */

import { type Limits, readLimits } from '../base/limits.js';
import { type Name, nameFromBytes } from '../base/name.js';
import { badTar, entryOverLimit, shortPath, TarEntry } from './entry.js';
import { type Before, isKnownType, readEntry } from './entry-header.js';
import { blockSize, dialectOf, hasRightChecksum, isZeroBlock, sizeField, textField, typeflagAt } from './header.js';
import { PaxRecords, readPax } from './pax.js';
import { extentsOf, LinesMap, OldGnuMap } from './sparse.js';

/** What the next bytes are: a header; data or padding nobody looks at; the body of a PAX or long-name entry; a block of a sparse map. */
type State = 'header' | 'skip' | 'meta' | 'oldMap' | 'linesMap' | 'ended';

export class TarParser {
  /** What was doubtful but read all the same, as sentences; at most 100 are kept. */
  readonly warnings: string[] = [];
  /** Bytes of the stream taken so far. */
  position = 0;

  readonly #onEntry: (entry: TarEntry) => void;
  readonly #limits: Limits;
  readonly #entry = new TarEntry();
  /** A block that chunks tear apart is put together here. */
  readonly #torn = Buffer.alloc(blockSize);
  #tornBytes = 0;
  #state: State = 'header';
  /** Bytes of the current run (skip or meta), and those of them after which the stream may end (padding). */
  #left = 0;
  #paddingLeft = 0;
  #zeroBlocks = 0;
  /** Where its two blocks of zeros end; undefined before. */
  endedAt: number | undefined;
  #entries = 0;

  #metaType = '';
  #meta: Buffer = Buffer.alloc(0);
  #metaBytes = 0;
  #metaAt = 0;
  readonly #global = new PaxRecords();
  /** What headers before an entry said about it. */
  readonly #before: Before = { global: this.#global, local: undefined, longPath: undefined, longLink: undefined };

  /** Of the entry at hand: bytes stored after its header, and its map while that is read. */
  #stored = 0;
  #oldMap: OldGnuMap | undefined = undefined;
  #linesMap: LinesMap | undefined = undefined;

  constructor(onEntry: (entry: TarEntry) => void, limits: Limits = readLimits()) {
    this.#onEntry = onEntry;
    this.#limits = limits;
  }

  /** Takes the next bytes of the stream. The chunk may be reused after the call. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      const there = chunk.length - at;
      if (this.#state === 'ended') {
        this.position += there;
        return;
      }
      if (this.#state === 'skip') at += this.#skipIn(there);
      else if (this.#state === 'meta') at += this.#takeMeta(chunk, at);
      else if (this.#tornBytes === 0 && there >= blockSize) {
        this.#takeBlock(chunk, at);
        at += blockSize;
      } else at += this.#takeTorn(chunk, at);
    }
  }

  /** Bytes that come next and nobody looks at: a reader that can seek leaves them out and calls `skip`. Infinity after the end. */
  get skippable(): number {
    return this.#state === 'skip' ? this.#left : this.#state === 'ended' ? Number.POSITIVE_INFINITY : 0;
  }

  /** The next `bytes` were left out. PRE: not more than `skippable`. */
  skip(bytes: number): void {
    if (this.#state === 'ended') this.position += bytes;
    else this.#skipIn(bytes);
  }

  /** The stream is over. BAD_TAR where it ended inside an entry; an archive without its closing zero blocks is complete. */
  end(): void {
    const isWhole = this.#state === 'ended' || (this.#state === 'header' && this.#tornBytes === 0);
    if (isWhole || (this.#state === 'skip' && this.#left <= this.#paddingLeft)) return;
    const inside = this.#state === 'header' ? undefined : this.#entry.path;
    const missing = this.#state === 'skip' ? `, ${this.#left - this.#paddingLeft} bytes of its data are missing` : '';
    throw badTar(this.#state === 'meta' ? undefined : inside, this.position, `the archive is cut off here${missing}`);
  }

  #skipIn(there: number): number {
    const bytes = Math.min(this.#left, there);
    this.#left -= bytes;
    this.position += bytes;
    if (this.#left === 0) this.#state = 'header';
    return bytes;
  }

  #skipNext(bytes: number): void {
    this.#paddingLeft = padding(bytes);
    this.#left = bytes + this.#paddingLeft;
    this.#state = this.#left === 0 ? 'header' : 'skip';
  }

  #takeTorn(chunk: Buffer, at: number): number {
    const bytes = chunk.copy(this.#torn, this.#tornBytes, at, Math.min(chunk.length, at + blockSize - this.#tornBytes));
    this.#tornBytes += bytes;
    if (this.#tornBytes === blockSize) {
      this.#tornBytes = 0;
      this.#takeBlock(this.#torn, 0);
    }
    return bytes;
  }

  #takeBlock(block: Buffer, at: number): void {
    const where = this.position;
    this.position += blockSize;
    if (this.#state === 'header') this.#takeHeader(block, at, where);
    else if (this.#state === 'oldMap') {
      const map = this.#oldMap!; // set with the state
      const isMore = map.readBlock(block, at, this.#entry.path, where);
      this.#checkExtentCount(map.numbers.length / 2, where);
      if (!isMore) this.#finishSparse(map.numbers);
    } else this.#takeLinesMapBlock(block, at, where);
  }

  #end(at: number): void {
    this.#state = 'ended';
    this.endedAt = at;
  }

  #takeLinesMapBlock(block: Buffer, at: number, where: number): void {
    const map = this.#linesMap!; // set with the state
    this.#stored -= blockSize;
    if (this.#stored < 0) throw badTar(this.#entry.path, where, 'the sparse map does not end within the data');
    if (map.readBlock(block, at, this.#entry.path, where, this.#limits)) this.#finishSparse(map.numbers);
  }

  #takeHeader(block: Buffer, at: number, where: number): void {
    if (block[at] === 0 && isZeroBlock(block, at)) {
      this.#zeroBlocks++;
      if (this.#zeroBlocks === 2) this.#end(where + blockSize);
      return;
    }
    if (this.#zeroBlocks > 0) throw badTar(undefined, where, 'a single block of zeros stands before a further entry');
    if (!hasRightChecksum(block, at)) throw badTar(undefined, where, 'this is no tar header (its checksum is wrong)');
    const flag = String.fromCharCode(block[at + typeflagAt]!);
    switch (flag) {
      case 'x':
      case 'X':
      case 'g':
      case 'L':
      case 'K':
        this.#startMeta(flag, sizeField(block, at, 'size', undefined, where), where);
        return;
      case 'V':
      case 'N':
        this.#warn(`tar at byte ${where}: a header of type ${flag} is left out`);
        this.#skipNext(sizeField(block, at, 'size', undefined, where));
        return;
      case 'M':
        throw badTar(
          textField(block, at, 'name'),
          where,
          'it continues a file of another volume; give the volumes as one archive',
        );
      default:
        this.#takeEntry(block, at, where, flag);
        return;
    }
  }

  #startMeta(type: string, bytes: number, where: number): void {
    const isPax = type === 'x' || type === 'X' || type === 'g';
    const limit = isPax ? 'paxBytes' : 'pathBytes';
    if (bytes > this.#limits[limit] + (isPax ? 0 : 1)) {
      throw entryOverLimit(
        undefined,
        where,
        `a header of type ${type} has ${bytes} bytes, ${this.#limits[limit]} are allowed`,
        limit,
      );
    }
    this.#metaType = type;
    this.#metaBytes = 0;
    this.#metaAt = this.position;
    if (this.#meta.length < bytes) this.#meta = Buffer.alloc(Math.max(bytes, 4096));
    this.#paddingLeft = padding(bytes);
    this.#left = bytes;
    this.#state = 'meta';
    if (bytes === 0) this.#finishMeta();
  }

  #takeMeta(chunk: Buffer, at: number): number {
    const bytes = chunk.copy(this.#meta, this.#metaBytes, at, Math.min(chunk.length, at + this.#left));
    this.#metaBytes += bytes;
    this.#left -= bytes;
    this.position += bytes;
    if (this.#left === 0) this.#finishMeta();
    return bytes;
  }

  #finishMeta(): void {
    const body = this.#meta.subarray(0, this.#metaBytes);
    if (this.#metaType === 'g') {
      readPax(body, this.#metaAt, this.#global, true);
      this.#checkGlobal();
    } else if (this.#metaType === 'L') this.#before.longPath = longName(body);
    else if (this.#metaType === 'K') this.#before.longLink = longName(body);
    else {
      this.#before.local = new PaxRecords();
      readPax(body, this.#metaAt, this.#before.local);
    }
    this.#left = this.#paddingLeft;
    this.#state = this.#left === 0 ? 'header' : 'skip';
  }

  /** Global xattrs count for every entry that follows, so they are kept to what Linux lists for one file. */
  #checkGlobal(): void {
    let bytes = 0;
    for (const [name, value] of this.#global.xattrs ?? []) bytes += name.length + value.length;
    if (bytes > globalXattrBytes)
      throw badTar(
        undefined,
        this.#metaAt,
        `the global PAX headers hold ${bytes} bytes of xattrs, ${globalXattrBytes} are allowed`,
      );
  }

  #takeEntry(block: Buffer, at: number, where: number, flag: string): void {
    if (++this.#entries > this.#limits.entries) {
      throw entryOverLimit(undefined, where, `the archive has more than ${this.#limits.entries} entries`, 'entries');
    }
    const { local } = this.#before;
    this.#stored = readEntry(block, at, where, this.#before, this.#limits, this.#entry);
    this.#entry.dataAt = this.position;
    if (!isKnownType(flag)) {
      this.#warn(
        `tar entry "${shortPath(this.#entry.path)}" at byte ${where}: unknown type ${JSON.stringify(flag)}, read as a file`,
      );
    }
    this.#before.local = undefined;
    this.#before.longPath = undefined;
    this.#before.longLink = undefined;
    this.#startData(block, at, where, flag === 'S' && dialectOf(block, at) === 'gnu', local);
  }

  /** Goes on with the data of the entry at hand, behind its sparse map if it has one, and reports the entry. */
  #startData(block: Buffer, at: number, where: number, isOldSparse: boolean, local: PaxRecords | undefined): void {
    const entry = this.#entry;
    if (entry.type === 'file' && isOldSparse) {
      entry.size = sizeField(block, at, 'realsize', entry.path, where);
      this.#oldMap = new OldGnuMap();
      if (this.#oldMap.readHeader(block, at, entry.path, where)) this.#state = 'oldMap';
      else this.#finishSparse(this.#oldMap.numbers);
    } else if (entry.type === 'file' && local?.sparseMapInData === true) {
      if (local.sparseSize === undefined) throw badTar(entry.path, where, 'the GNU.sparse.realsize record is missing');
      entry.size = local.sparseSize;
      this.#linesMap = new LinesMap();
      this.#state = 'linesMap';
    } else if (entry.type === 'file' && local?.sparseMap !== undefined) {
      if (local.sparseSize === undefined) throw badTar(entry.path, where, 'the GNU.sparse.size record is missing');
      entry.size = local.sparseSize;
      this.#finishSparse(local.sparseMap);
    } else {
      this.#onEntry(entry);
      this.#skipNext(this.#stored);
    }
  }

  #finishSparse(numbers: readonly number[]): void {
    const entry = this.#entry;
    entry.dataAt = this.position;
    entry.extents = extentsOf(numbers, entry.size, this.position, this.#stored, entry.path, this.#limits);
    this.#oldMap = undefined;
    this.#linesMap = undefined;
    this.#onEntry(entry);
    this.#skipNext(this.#stored);
  }

  #checkExtentCount(count: number, where: number): void {
    if (count > this.#limits.sparseExtents)
      throw entryOverLimit(this.#entry.path, where, `the sparse map has ${count} ranges`, 'sparseExtents');
  }

  #warn(sentence: string): void {
    if (this.warnings.length < 100) this.warnings.push(sentence);
  }
}

/** XATTR_LIST_MAX of Linux. */
const globalXattrBytes = 65536;

function padding(bytes: number): number {
  return (blockSize - (bytes % blockSize)) % blockSize;
}

/** The body of an L or K header: the name, usually with a closing NUL. */
function longName(body: Buffer): Name {
  const end = body.indexOf(0);
  return nameFromBytes(body, 0, end < 0 ? body.length : end);
}
