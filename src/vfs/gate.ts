/** Holds a file system still for a moment: requests wait, none fails. One thread serves, another one holds; they share eight bytes. */

const held = 0;
const busy = 1;

export class Gate {
  private readonly words: Int32Array;

  constructor(readonly memory = new SharedArrayBuffer(8)) {
    this.words = new Int32Array(memory);
  }

  /** Serving thread: before an operation. Returns when nobody holds. */
  enter(): void {
    const { words } = this;
    for (;;) {
      Atomics.store(words, busy, 1);
      if (Atomics.load(words, held) === 0) return;
      Atomics.store(words, busy, 0);
      Atomics.wait(words, held, 1);
    }
  }

  /** Serving thread: after the operation. */
  leave(): void {
    Atomics.store(this.words, busy, 0);
  }

  /** Serving in the event loop of the thread that holds: whether somebody does. Then an operation may begin when `freed` has resolved. */
  get isHeld(): boolean {
    return Atomics.load(this.words, held) !== 0;
  }

  async freed(): Promise<void> {
    while (this.isHeld) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  /** Other thread: resolves when no operation runs and none will begin before `release`. False, and nothing is held, when the operation
   *  under way took longer than `timeoutMs`. */
  async hold(timeoutMs: number): Promise<boolean> {
    const { words } = this;
    Atomics.store(words, held, 1);
    const deadline = Date.now() + timeoutMs;
    while (Atomics.load(words, busy) !== 0) {
      if (Date.now() > deadline) {
        this.release();
        return false;
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return true;
  }

  release(): void {
    Atomics.store(this.words, held, 0);
    Atomics.notify(this.words, held);
  }
}
