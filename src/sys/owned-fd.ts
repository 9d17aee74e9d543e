/** A descriptor with one owner. Once it is closed its number belongs to whoever opens next, in this process perhaps the caller of the
 *  library: it is neither handed out nor closed again. */

import { PlyfsError } from '../base/errors.js';
import { closeFd } from './open.js';

export class OwnedFd implements Disposable {
  /** `what` is named where somebody asks for the number after the end. */
  constructor(
    private opened: number,
    private readonly what: string,
  ) {}

  /** PlyfsError `closed` after `close`. */
  get number(): number {
    if (this.opened < 0) throw new PlyfsError('closed', `${this.what} is closed`);
    return this.opened;
  }

  /** Closing twice does nothing. */
  close(): void {
    if (this.opened < 0) return;
    const fd = this.opened;
    this.opened = -1;
    closeFd(fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
