/** Bounded caches (npm lru-cache). */

export { LRUCache } from 'lru-cache';
