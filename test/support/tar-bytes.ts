/** Tars made byte by byte, so that tests can say what no writer would. Nothing of src/tar is used: this is the other opinion. */

export interface RawEntry {
  /** latin1 bytes, as they go into the header. */
  name: string;
  type?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  link?: string;
  prefix?: string;
  device?: [major: number, minor: number];
  magic?: 'ustar' | 'gnu' | 'v7' | 'star';
  /** What follows the header; filled up to whole blocks. */
  data?: Buffer | string;
  /** What the size field says, if not the length of `data`. */
  size?: number;
  /** Records of an `x` header before the entry. */
  pax?: readonly (readonly [key: string, value: string | Buffer])[];
  /** Changes the header before its checksum is made. */
  edit?: (block: Buffer) => void;
  /** Changes the finished header. */
  spoil?: (block: Buffer) => void;
}

const magics = { ustar: 'ustar\x0000', gnu: 'ustar  \0', v7: '', star: 'ustar\x0000' };

/** The archive of `entries`, closed by two blocks of zeros. */
export function rawTar(...entries: RawEntry[]): Buffer {
  return Buffer.concat([...entries.map(rawEntry), Buffer.alloc(1024)]);
}

export function rawEntry(entry: RawEntry): Buffer {
  const parts: Buffer[] = [];
  if (entry.pax !== undefined) parts.push(rawPax('x', entry.pax));
  const data = typeof entry.data === 'string' ? Buffer.from(entry.data, 'latin1') : (entry.data ?? Buffer.alloc(0));
  parts.push(header(entry, data.length), data, Buffer.alloc(pad(data.length)));
  return Buffer.concat(parts);
}

/** A PAX header (type x or g) with these records. */
export function rawPax(type: string, records: readonly (readonly [key: string, value: string | Buffer])[]): Buffer {
  const body = Buffer.concat(
    records.map(([key, value]) => record(key, typeof value === 'string' ? Buffer.from(value, 'latin1') : value)),
  );
  return rawEntry({ name: 'PaxHeaders/x', type, data: body });
}

function record(key: string, value: Buffer): Buffer {
  let length = 0;
  for (let digits = 1; digits < 10; digits++) {
    length = digits + key.length + value.length + 3;
    if (String(length).length === digits) break;
  }
  return Buffer.concat([Buffer.from(`${length} ${key}=`, 'latin1'), value, Buffer.from('\n')]);
}

function header(entry: RawEntry, dataLength: number): Buffer {
  const block = Buffer.alloc(512);
  const magic = entry.magic ?? 'ustar';
  block.write(entry.name, 0, 100, 'latin1');
  octal(block, 100, 8, entry.mode ?? (entry.type === '5' ? 0o755 : 0o644));
  octal(block, 108, 8, entry.uid ?? 0);
  octal(block, 116, 8, entry.gid ?? 0);
  octal(block, 124, 12, entry.size ?? dataLength);
  octal(block, 136, 12, entry.mtime ?? 0);
  block.write(entry.type ?? '0', 156, 'latin1');
  block.write(entry.link ?? '', 157, 100, 'latin1');
  block.write(magics[magic], 257, 'latin1');
  if (entry.device !== undefined) {
    octal(block, 329, 8, entry.device[0]);
    octal(block, 337, 8, entry.device[1]);
  }
  if (entry.prefix !== undefined) block.write(entry.prefix, 345, 155, 'latin1');
  if (magic === 'star') block.write('tar\0', 508, 'latin1');
  entry.edit?.(block);
  block.write('        ', 148);
  octal(
    block,
    148,
    7,
    block.reduce((sum, byte) => sum + byte, 0),
  );
  entry.spoil?.(block);
  return block;
}

export function octal(block: Buffer, at: number, length: number, value: number): void {
  block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
}

function pad(length: number): number {
  return (512 - (length % 512)) % 512;
}
