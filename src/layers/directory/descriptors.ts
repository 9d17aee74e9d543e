/** Open descriptors that can be had again at any time, shared by all layers of a mount so that 500 layers do not mean 500 caches.
 *  What falls out of the cache is closed. The most recently used 16 stay open at least, so a caller may hold a few across its calls. */

import { LRUCache } from '../../base/lru.js';
import { closeFd } from '../../sys/open.js';

export class Descriptors {
  private readonly cache: LRUCache<number, number>;
  private owners = 0;

  constructor(max: number) {
    this.cache = new LRUCache<number, number>({ max: Math.max(16, max), dispose: (fd) => closeFd(fd) });
  }

  /** A number that makes keys of one owner differ from all others'. */
  addOwner(): number {
    return this.owners++;
  }

  get(owner: number, key: number): number | undefined {
    return this.cache.get(owner * keySpan + key);
  }

  put(owner: number, key: number, fd: number): void {
    this.cache.set(owner * keySpan + key, fd);
  }

  /** Closes one. */
  drop(owner: number, key: number): void {
    this.cache.delete(owner * keySpan + key);
  }

  close(): void {
    this.cache.clear();
  }
}

const keySpan = 2 ** 32;
