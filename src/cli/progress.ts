/** A progress line for load, save, pull and push: bytes, layers, rate and time left; on a terminal only. */

import type { CopyProgress, SourceImage, SourceLayer } from '../oci/source.js';
import { sizeText } from './units.js';

const redrawMs = 100;
const barWidth = 24;

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
    if (!this.isShown || Date.now() - this.drawn < redrawMs) return;
    this.drawn = Date.now();
    const columns = this.output.columns || 80; // 0 where nobody told the terminal its size
    this.output.write(`\r\x1b[K${this.line(columns - 1)}`);
  };

  /** The bar gives way where the terminal is narrow. */
  private line(width: number): string {
    const bytes = [...this.done.values()].reduce((sum, part) => sum + part, 0);
    const fraction = this.totalBytes === 0 ? 1 : bytes / this.totalBytes;
    const seconds = Math.max((Date.now() - this.started) / 1000, 0.001);
    const rate = bytes / seconds;
    const left = rate === 0 ? '' : `, ${Math.ceil((this.totalBytes - bytes) / rate)} s left`;
    const facts = `${sizeText(bytes)}/${sizeText(this.totalBytes)}, layer ${this.done.size}/${this.layers}, ${sizeText(rate)}/s${left}`;
    const room = Math.min(barWidth, width - this.verb.length - facts.length - 4);
    if (room < 5) return `${this.verb} ${facts}`.slice(0, width);
    const filled = Math.round(fraction * room);
    return `${this.verb} [${'='.repeat(filled)}${' '.repeat(room - filled)}] ${facts}`;
  }

  /** Clears the line. */
  end(): void {
    if (this.isShown && this.drawn > 0) this.output.write('\r\x1b[K');
  }
}
