/** The progress of pull and push as docker prints it: a line for each layer, rewritten on a terminal, each step once in a pipe, or an
 *  event a line as JSON. Where a terminal has fewer rows than there are layers: those that are under way, and a sum. */

import { sizeText } from './units.js';

export type LinesForm = 'quiet' | 'text' | 'json';

interface LayerLine {
  status: string;
  /** Of what is passing; undefined outside of it. */
  done: number | undefined;
  total: number;
  isOver: boolean;
}

const redrawMs = 100;
const barCells = 50;
/** As docker: narrower terminals get the numbers alone. */
const barColumns = 110;

export class LayerLines {
  private readonly lines = new Map<string, LayerLine>();
  private readonly isTerminal: boolean;
  /** Rows that the last drawing took. */
  private drawnRows = 0;
  private drawnAt = 0;

  constructor(
    private readonly form: LinesForm,
    private readonly output: NodeJS.WriteStream = process.stdout,
  ) {
    this.isTerminal = form === 'text' && output.isTTY === true;
  }

  /** A sentence of its own, above what is still to come. */
  say(text: string): void {
    if (this.form === 'quiet') return;
    this.freeze();
    this.output.write(this.form === 'json' ? `${JSON.stringify({ status: text })}\n` : `${text}\n`);
  }

  /** A step of a layer; `isOver`: its last one. */
  step(id: string, status: string, isOver = false): void {
    this.lines.set(id, { status, done: undefined, total: 0, isOver });
    if (this.form === 'json') this.output.write(`${JSON.stringify({ id, status })}\n`);
    else if (this.isTerminal) this.draw(isOver);
    else if (this.form === 'text') this.output.write(`${id}: ${status}\n`);
  }

  /** Bytes of a layer that have passed. In a pipe nothing is said of it. */
  bytes(id: string, status: string, done: number, total: number): void {
    this.lines.set(id, { status, done, total, isOver: false });
    if (Date.now() - this.drawnAt < redrawMs) return;
    if (this.isTerminal) this.draw(true);
    else if (this.form === 'json') {
      this.drawnAt = Date.now();
      this.output.write(`${JSON.stringify({ id, status, progressDetail: { current: done, total } })}\n`);
    }
  }

  /** What is drawn stays as it is; what follows begins below. */
  freeze(): void {
    if (this.isTerminal && this.lines.size > 0) this.draw(true);
    this.drawnRows = 0;
    this.lines.clear();
  }

  private draw(isDue: boolean): void {
    if (!isDue && Date.now() - this.drawnAt < redrawMs) return;
    this.drawnAt = Date.now();
    const width = this.output.columns || 80;
    const rows = this.shown((this.output.rows || 24) - 1).map((row) => `\x1b[2K${row.slice(0, width - 1)}\n`);
    const up = this.drawnRows > 0 ? `\x1b[${this.drawnRows}A\r` : '';
    // Rows of the last drawing that this one lacks.
    const cleared = '\x1b[2K\n'.repeat(Math.max(0, this.drawnRows - rows.length));
    this.output.write(up + rows.join('') + cleared);
    this.drawnRows = Math.max(this.drawnRows, rows.length);
  }

  private shown(room: number): string[] {
    const all = [...this.lines];
    if (all.length <= room) return all.map(([id, line]) => this.text(id, line));
    const active = all.filter(([, line]) => line.done !== undefined).slice(0, room - 1);
    const over = all.filter(([, line]) => line.isOver).length;
    return [...active.map(([id, line]) => this.text(id, line)), `${over} of ${all.length} layers complete`];
  }

  private text(id: string, { status, done, total }: LayerLine): string {
    if (done === undefined) return `${id}: ${status}`;
    const numbers = `${sizeText(done).padStart(8)}/${sizeText(total)}`;
    if ((this.output.columns || 80) <= barColumns) return `${id}: ${status} ${numbers}`;
    const filled = total === 0 ? barCells : Math.min(barCells, Math.floor((done / total) * barCells));
    const bar = `${'='.repeat(Math.max(0, filled - 1))}${filled > 0 ? '>' : ''}`.padEnd(barCells);
    return `${id}: ${status} [${bar}] ${numbers}`;
  }
}
