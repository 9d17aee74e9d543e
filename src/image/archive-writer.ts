/** Writes an image archive's outer tar: plain files under fixed names, the same bytes for the same members (S-5). */

import type { Writable } from 'node:stream';

const blockBytes = 512;
/** What eleven octal digits hold; above it the size is written in base 256, as GNU and Go do. */
const octalLimit = 8 ** 11;

export class ArchiveWriter {
  constructor(private readonly output: Writable) {}

  async directory(name: string): Promise<void> {
    await this.write(header(`${name}/`, 0, '5', 0o755));
  }

  async file(name: string, bytes: Uint8Array): Promise<void> {
    await this.write(header(name, bytes.length, '0', 0o644));
    await this.write(bytes);
    await this.pad(bytes.length);
  }

  /** PRE: the chunks are `sizeBytes` long together. They may be reused by their maker after each step. */
  async stream(name: string, sizeBytes: number, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await this.write(header(name, sizeBytes, '0', 0o644));
    let written = 0;
    for await (const chunk of chunks) {
      written += chunk.length;
      if (written > sizeBytes) break;
      await this.write(chunk);
    }
    if (written !== sizeBytes) throw new Error(`${name} has ${written} bytes, not ${sizeBytes}`);
    await this.pad(sizeBytes);
  }

  /** The two closing blocks. */
  async end(): Promise<void> {
    await this.write(Buffer.alloc(2 * blockBytes));
  }

  private async pad(sizeBytes: number): Promise<void> {
    const rest = sizeBytes % blockBytes;
    if (rest > 0) await this.write(Buffer.alloc(blockBytes - rest));
  }

  /** Resolves when the bytes are handed on and more may come. */
  private write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.output.write(bytes, (error) => (error == null ? resolve() : reject(error)));
    });
  }
}

/** A ustar header of owner 0:0 and time 0. PRE: `name` has at most 100 bytes. */
function header(name: string, sizeBytes: number, type: '0' | '5', mode: number): Buffer {
  const block = Buffer.alloc(blockBytes);
  block.write(name, 0, 100, 'latin1');
  octal(block, 100, 8, mode);
  octal(block, 108, 8, 0);
  octal(block, 116, 8, 0);
  if (sizeBytes < octalLimit) octal(block, 124, 12, sizeBytes);
  else {
    block[124] = 0x80;
    block.writeBigUInt64BE(BigInt(sizeBytes), 128);
  }
  octal(block, 136, 12, 0);
  block.write(type, 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function octal(block: Buffer, at: number, length: number, value: number): void {
  block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
}
