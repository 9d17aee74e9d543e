/** A progress line for load, save, pull and push: bytes, layers, rate and time left; on a terminal only. */

import { undoneAtInterruption } from '../base/interruption.js';
import type { CopyProgress, SourceImage, SourceLayer } from '../oci/source.js';
import { sizeText } from './units.js';

const redrawMs = 100;
const barWidth = 24;

interface State {
  readonly bytes: number;
  readonly totalBytes: number | undefined;
  /** What else there is to say, from its comma on. */
  readonly what: string;
}

export class Progress {
  private readonly isShown: boolean;
  private readonly done = new Map<string, number>();
  private totalBytes = 0;
  private layers = 0;
  private started = Date.now();
  private drawn = 0;

  constructor(
    private readonly verb: string,
    isQuiet = false,
    private readonly output: NodeJS.WriteStream = process.stderr,
  ) {
    this.isShown = output.isTTY === true && !isQuiet;
  }

  /** What is to come: each layer once. */
  readonly onImages = (images: readonly SourceImage[]): void => {
    const layers = new Map(images.flatMap((image) => image.layers.map((layer) => [layer.diffId, layer.sizeBytes])));
    this.layers = layers.size;
    this.totalBytes = [...layers.values()].reduce((sum, bytes) => sum + bytes, 0);
    this.started = Date.now();
  };

  readonly onBytes: CopyProgress = (layer: SourceLayer, doneBytes: number): void => {
    this.done.set(layer.diffId, Math.min(doneBytes, layer.sizeBytes));
    this.draw(this.verb, () => {
      const bytes = [...this.done.values()].reduce((sum, part) => sum + part, 0);
      return { bytes, totalBytes: this.totalBytes, what: `, layer ${this.done.size}/${this.layers}` };
    });
  };

  /** Bytes that come before the layers are known; `total` where it is. */
  readonly onReceived = (done: number, total: number | undefined): void => {
    this.draw(total === undefined ? 'Receiving' : 'Unpacking', () => ({ bytes: done, totalBytes: total, what: '' }));
  };

  /** Bytes of a tar that is made, of which nobody knows how long it will be. */
  readonly onWritten = (done: number): void => {
    this.draw(this.verb, () => ({ bytes: done, totalBytes: undefined, what: '' }));
  };

  /** The chunks as they are, counted. */
  *counted(chunks: Iterable<Buffer>): Generator<Buffer> {
    let done = 0;
    for (const chunk of chunks) {
      yield chunk;
      done += chunk.length;
      this.onWritten(done);
    }
  }

  private draw(verb: string, state: () => State): void {
    if (!this.isShown || Date.now() - this.drawn < redrawMs) return;
    if (this.drawn === 0) undoneAtInterruption(() => this.end());
    this.drawn = Date.now();
    const columns = this.output.columns || 80; // 0 where nobody told the terminal its size
    this.output.write(`\r\x1b[K${this.line(verb, state(), columns - 1)}`);
  }

  /** The bar gives way where the terminal is narrow. */
  private line(verb: string, { bytes, totalBytes, what }: State, width: number): string {
    const rate = bytes / Math.max((Date.now() - this.started) / 1000, 0.001);
    if (totalBytes === undefined) return `${verb} ${sizeText(bytes)}, ${sizeText(rate)}/s`.slice(0, width);
    const left = rate === 0 ? '' : `, ${Math.ceil((totalBytes - bytes) / rate)} s left`;
    const facts = `${sizeText(bytes)}/${sizeText(totalBytes)}${what}, ${sizeText(rate)}/s${left}`;
    const room = Math.min(barWidth, width - verb.length - facts.length - 4);
    if (room < 5) return `${verb} ${facts}`.slice(0, width);
    const filled = totalBytes === 0 ? room : Math.round((bytes / totalBytes) * room);
    return `${verb} [${'='.repeat(filled)}${' '.repeat(room - filled)}] ${facts}`;
  }

  /** Clears the line when `work` has ended, however it did. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      this.end();
    }
  }

  /** Clears the line. */
  end(): void {
    if (this.isShown && this.drawn > 0) this.output.write('\r\x1b[K');
  }
}
