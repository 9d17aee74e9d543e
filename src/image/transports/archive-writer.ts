/** Writes an image archive's outer tar: files of owner 0:0 and time 0, so that the same members give the same bytes (S-5). */

import { closeSync, openSync, readSync } from 'node:fs';
import type { Writable } from 'node:stream';
import type { DigestMeter } from '../../base/digest.js';
import { nameFromText } from '../../base/name.js';
import type { FileRange } from '../../oci/source.js';
import type { EntryType } from '../../tar/entry.js';
import { type FileData, TarWriter } from '../../tar/writer.js';

export class ArchiveWriter {
  private readonly tar = new TarWriter();

  constructor(private readonly output: Writable) {
    // The failed write tells of it; without a listener the process would end.
    output.on('error', () => undefined);
  }

  directory(name: string): Promise<void> {
    return this.send(this.tar.add(entry('dir', name, 0o755)));
  }

  file(name: string, bytes: Buffer): Promise<void> {
    const read = (buffer: Buffer, at: number, length: number, offset: number): number =>
      bytes.copy(buffer, at, offset, offset + length);
    return this.send(this.tar.add(entry('file', name, 0o644), { size: bytes.length, read }));
  }

  /** A range of a file, seen by `meter` as it passes; `onBytes` hears how much has. */
  async range(name: string, range: FileRange, meter: DigestMeter, onBytes: (bytes: number) => void): Promise<void> {
    const fd = openSync(range.path, 'r');
    const data: FileData = {
      size: range.size,
      read: (buffer, at, length, offset) => {
        const count = readSync(fd, buffer, at, length, range.start + offset);
        meter.update(buffer.subarray(at, at + count));
        onBytes(meter.sizeBytes);
        return count;
      },
    };
    try {
      await this.send(this.tar.add(entry('file', name, 0o644), data));
    } finally {
      closeSync(fd);
    }
  }

  end(): Promise<void> {
    return this.send(this.tar.finish());
  }

  /** The writer's chunks are good until the next is asked for: each is handed on before that. */
  private async send(chunks: Iterable<Buffer>): Promise<void> {
    for (const chunk of chunks) await this.write(chunk);
  }

  private write(bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.output.write(bytes, (error) => (error == null ? resolve() : reject(error)));
    });
  }
}

function entry(type: EntryType, path: string, mode: number) {
  return { type, path: nameFromText(path), mode, uid: 0, gid: 0, mtimeSec: 0, mtimeNsec: 0 };
}
