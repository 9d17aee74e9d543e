/** A repository at one host, and the calls to it. */

import { parseDigest } from '../base/digest.js';
import type { Attempts } from './attempts.js';
import type { Place } from './failure.js';
import type { Host, HostCall } from './host.js';

export type Right = 'pull' | 'push' | 'delete';

const actions: Readonly<Record<Right, string>> = { pull: 'pull', push: 'pull,push', delete: 'pull,push,delete' };

/** What a token has to allow in the repository `path`. */
export function scopeOf(path: string, right: Right): string {
  return `repository:${path}:${actions[right]}`;
}

export class RepositorySite {
  constructor(
    readonly host: Host,
    /** At that host. */
    readonly path: string,
    /** Of the repository, in the user's words. */
    private readonly place: Place,
    private readonly newAttempts: () => Attempts,
    readonly signal: AbortSignal | undefined,
  ) {}

  /** A call about `rest` (`manifests/1.0`) of the repository; `item` is the tag or digest that a failure names, '' for none. */
  call(
    method: HostCall['method'],
    rest: string,
    item: string,
    headers: Readonly<Record<string, string>> = {},
    right: Right = 'pull',
    attempts = this.newAttempts(),
  ): HostCall {
    return {
      method,
      target: `/v2/${this.path}/${rest}`,
      path: this.path,
      scopes: [scopeOf(this.path, right)],
      place: this.placeOf(item, right),
      headers,
      attempts,
      signal: this.signal,
    };
  }

  private placeOf(item: string, right: Right): Place {
    const mark = item === '' ? '' : parseDigest(item) === undefined ? ':' : '@';
    return { ...this.place, item: mark + item, wish: right === 'pull' ? 'pull' : 'push' };
  }
}
