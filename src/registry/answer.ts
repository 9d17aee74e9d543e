/** What a host answered: status, headers and a body that is read once or thrown away. */

import type { IncomingMessage } from 'node:http';
import { atHost, Trouble } from './trouble.js';

/** A body that nobody wants is read up to here, which keeps its connection; above, the connection goes. */
const drainBytes = 64 * 1024;

export class Answer {
  readonly status: number;
  /** The body where it was read ahead; `bytes` is undefined where it is too long. */
  private ahead: { readonly bytes: Buffer | undefined } | undefined;

  constructor(
    private readonly message: IncomingMessage,
    /** After all redirects. */
    readonly url: URL,
    private readonly stallMs: number,
  ) {
    this.status = message.statusCode ?? 0;
    // One that breaks after its reader left, or before there is one, must not end the process.
    message.on('error', () => {});
  }

  /** A header as one text; repeated ones are joined by ", ". */
  header(name: string): string | undefined {
    const value = this.message.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  /** Each value of a header that may be repeated. */
  headers(name: string): readonly string[] {
    return this.message.headersDistinct[name] ?? [];
  }

  /** A header that counts bytes; undefined where it is missing or no number. */
  count(name: string): number | undefined {
    const text = this.header(name);
    return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  }

  /** The body as it comes. Breaks with Trouble `stall` after too long without a byte; the time that the reader takes does not count.
   *  A reader that leaves closes the connection. */
  async *body(): AsyncGenerator<Uint8Array, void, undefined> {
    const iterator: AsyncIterator<Uint8Array> = this.message[Symbol.asyncIterator]();
    let isWaiting = false;
    const timer = setTimeout(() => {
      if (isWaiting) this.message.destroy(new Trouble('stall', this.url.host, `${this.stallMs} ms`));
    }, this.stallMs);
    try {
      for (;;) {
        isWaiting = true;
        timer.refresh();
        const { done, value } = await iterator.next();
        isWaiting = false;
        if (done === true) return;
        yield value;
      }
    } catch (error) {
      throw atHost(error, this.url.host);
    } finally {
      clearTimeout(timer);
      this.message.destroy();
    }
  }

  /** Reads the body now, so that one that breaks is found while the request can still be repeated. */
  async readAhead(limit: number): Promise<void> {
    this.ahead = { bytes: await this.bytes(limit) };
  }

  /** The whole body; undefined where it is longer than `limit`, and then the connection is closed. */
  async bytes(limit: number): Promise<Buffer | undefined> {
    if (this.ahead !== undefined) return this.ahead.bytes;
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of this.body()) {
      size += chunk.length;
      if (size > limit) return undefined;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  /** Lets go of the body. */
  async discard(): Promise<void> {
    if (this.ahead !== undefined) return;
    if ((this.count('content-length') ?? 0) > drainBytes) {
      this.message.destroy();
      return;
    }
    try {
      await this.bytes(drainBytes);
    } catch {
      // Nobody wanted it: how it ended does not matter.
      this.message.destroy();
    }
  }
}
