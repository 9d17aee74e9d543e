/** docker's `--filter KEY=VALUE`: what is given several times for one key are alternatives, different keys must all hold; of labels every
 *  one must. */

import { PlyfsError } from './errors.js';
import { momentMs } from './go-time.js';

export class Filters {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  /** `keys` are those that the listing has, with what to write for each: `dangling` to `true`. PlyfsError `filter`. */
  constructor(
    texts: readonly string[],
    readonly keys: Readonly<Record<string, string>>,
  ) {
    const values = new Map<string, string[]>();
    for (const text of texts) {
      // `label!=x` is a key of its own.
      const [, key = '', value = ''] = /^\s*([^=]*?)\s*=\s*(.*?)\s*$/s.exec(text) ?? [];
      const small = key.toLowerCase();
      if (!Object.hasOwn(keys, small)) throw this.#wrong(text);
      values.set(small, [...(values.get(small) ?? []), value]);
    }
    this.#values = values;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  of(key: string): readonly string[] {
    return this.#values.get(key) ?? [];
  }

  /** Whether the key is not asked for, or `fits` takes one of its values. */
  any(key: string, fits: (value: string) => boolean): boolean {
    const values = this.#values.get(key);
    return values === undefined || values.some(fits);
  }

  /** undefined where the key is not asked for. PlyfsError `filter`: not one of the words for true and false. */
  truth(key: string): boolean | undefined {
    const truths = this.of(key).map((value) => {
      if (/^(1|t|true)$/i.test(value)) return true;
      if (/^(0|f|false)$/i.test(value)) return false;
      throw this.#wrong(`${key}=${value}`);
    });
    return truths.length === 0 ? undefined : truths.includes(true);
  }

  /** Milliseconds since 1970, the earliest. PlyfsError `filter`. */
  moment(key: string): number | undefined {
    const moments = this.of(key).map((value) => {
      const moment = momentMs(value);
      if (moment === undefined) throw this.#wrong(`${key}=${value}`);
      return moment;
    });
    return moments.length === 0 ? undefined : Math.min(...moments);
  }

  /** One of these words each. PlyfsError `filter`. */
  words(key: string, allowed: readonly string[]): readonly string[] {
    const wrong = this.of(key).find((value) => !allowed.includes(value));
    if (wrong !== undefined) throw this.#wrong(`${key}=${wrong}`);
    return this.of(key);
  }

  /** Whether `labels` has every `label` and none of `label!`. */
  labels(labels: Readonly<Record<string, unknown>>): boolean {
    const fits = (wanted: string): boolean => {
      const [key = '', ...rest] = wanted.split('=');
      return Object.hasOwn(labels, key) && (rest.length === 0 || labels[key] === rest.join('='));
    };
    return this.of('label').every(fits) && !this.of('label!').some(fits);
  }

  /** PlyfsError `filter` for `KEY=VALUE`. */
  refused(key: string, value: string): PlyfsError {
    return this.#wrong(`${key}=${value}`);
  }

  #wrong(text: string): PlyfsError {
    const known = Object.entries(this.keys).map(([key, value]) => `${key}=${value}`);
    return new PlyfsError('filter', `--filter ${text}: write ${known.slice(0, -1).join(', ')} or ${known.at(-1)}`);
  }
}
