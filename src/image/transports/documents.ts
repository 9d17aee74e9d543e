/** The JSON documents of an archive or layout, each read and parsed once: a list may name one document many times over. */

import { overLimit, readLimits } from '../../base/limits.js';
import { type Members, readMember } from './members.js';

export interface ParsedDocument<T> {
  readonly bytes: Buffer;
  readonly document: T;
}

export class Documents<T> {
  private readonly known = new Map<string, ParsedDocument<T>>();
  private totalBytes = 0;

  constructor(
    private readonly members: Members,
    private readonly limitBytes: number,
  ) {}

  /** The document `name` through `parse`, which checks it too; undefined where there is none. PlyfsError `document` where it, or all that
   *  was read, is too large. */
  read(name: string, parse: (bytes: Buffer) => T): ParsedDocument<T> | undefined {
    const known = this.known.get(name);
    if (known !== undefined) return known;
    const bytes = readMember(this.members, name, this.limitBytes);
    if (bytes === undefined) return undefined;
    this.totalBytes += bytes.length;
    const { documentBytes } = readLimits();
    if (this.totalBytes > documentBytes) {
      const sentence = `the documents of ${this.members.label} up to ${name} have more than ${documentBytes} bytes together`;
      throw overLimit(sentence, 'documentBytes');
    }
    const parsed = { bytes, document: parse(bytes) };
    this.known.set(name, parsed);
    return parsed;
  }
}
