/** Questions on the terminal, one after another; an answer that is secret is not shown. */

import { createInterface, type Interface } from 'node:readline';
import { Writable } from 'node:stream';
import { PlyfsError } from '../base/errors.js';

export class Prompt {
  private isSecret = false;
  private readonly lines: Interface;
  /** Lines that were typed before they were asked for. */
  private readonly typed: string[] = [];
  private waiting: { resolve: (line: string) => void; reject: (error: PlyfsError) => void } | undefined;
  private isOver = false;

  /** PRE: standard input is a terminal. It is this object's until `close`. */
  constructor() {
    // readline shows what is typed on its output.
    const output = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (!this.isSecret) process.stderr.write(chunk);
        done();
      },
    });
    this.lines = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 });
    this.lines.on('line', (line) => this.take(line));
    this.lines.on('SIGINT', () => this.lines.close());
    this.lines.on('close', () => this.end());
  }

  /** The line that was typed. PlyfsError `interrupted` at Ctrl-C and Ctrl-D. */
  ask(question: string): Promise<string> {
    return this.answer(question, false);
  }

  askSecret(question: string): Promise<string> {
    return this.answer(question, true);
  }

  close(): void {
    this.lines.close();
  }

  private async answer(question: string, isSecret: boolean): Promise<string> {
    process.stderr.write(question);
    this.isSecret = isSecret;
    const early = this.typed.shift();
    try {
      if (early !== undefined) return early;
      if (this.isOver) throw interrupted();
      return await new Promise<string>((resolve, reject) => {
        this.waiting = { resolve, reject };
      });
    } finally {
      this.waiting = undefined;
      if (isSecret) process.stderr.write('\n');
    }
  }

  private take(line: string): void {
    if (this.waiting === undefined) this.typed.push(line);
    else this.waiting.resolve(line);
  }

  private end(): void {
    this.isOver = true;
    this.waiting?.reject(interrupted());
  }
}

function interrupted(): PlyfsError {
  return new PlyfsError('interrupted', 'interrupted: nothing was changed');
}
