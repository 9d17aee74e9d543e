/** The config of an image on another base: a merge of three. What the image itself set stays; what it had from the old base becomes what the
 *  new base has. */

import { isDeepStrictEqual } from 'node:util';
import type { ImageConfig } from '../../oci/config.js';
import type { StoredLayer } from '../../store/catalog.js';
import { creationTime, formerHistory, inheritedFields, objectOf, textsOf } from './new-image.js';

type Fields = Readonly<Record<string, unknown>>;

/** Members that are maps, of which each key is merged by itself. */
const maps: readonly string[] = ['Labels', 'ExposedPorts', 'Volumes'];

/** `old` is undefined where only the number of its layers is known: then all that the image has is its own. `oldCount`: that number. */
export function rebasedConfig(
  image: ImageConfig,
  old: ImageConfig | undefined,
  oldCount: number,
  base: ImageConfig,
  layers: readonly StoredLayer[],
): Record<string, unknown> {
  return {
    ...inheritedFields(image.document),
    ...fieldsOf(base.document, ['architecture', 'variant', 'os', 'os.version', 'os.features']),
    created: creationTime(),
    config: mergedConfig(objectOf(image.document.config), objectOf(old?.document.config), objectOf(base.document.config)),
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: [...formerHistory(base), ...ownHistory(image, old, oldCount)],
  };
}

function fieldsOf(document: Fields, keys: readonly string[]): Fields {
  return Object.fromEntries(keys.filter((key) => key in document).map((key) => [key, document[key]]));
}

/** The steps above the old base. Those without a layer that stand between the two belong to the base as far as it has the same. */
function ownHistory(image: ImageConfig, old: ImageConfig | undefined, oldCount: number): unknown[] {
  const steps = formerHistory(image);
  const hasLayer = steps.map((step) => objectOf(step).empty_layer !== true);
  const baseSteps = old === undefined ? [] : formerHistory(old);
  let at = 0;
  for (let seen = 0; seen < oldCount && at < steps.length; at++) if (hasLayer[at] === true) seen++;
  while (at < steps.length && hasLayer[at] === false && isDeepStrictEqual(steps[at], baseSteps[at])) at++;
  return steps.slice(at);
}

export function mergedConfig(image: Fields, old: Fields, base: Fields): Record<string, unknown> {
  const merged: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(base), ...Object.keys(image)])) {
    const value = maps.includes(key) ? mergedMap(image[key], old[key], base[key]) : mergedValue(key, image, old, base);
    if (value !== undefined) merged[key] = value;
  }
  return merged;
}

function mergedValue(key: string, image: Fields, old: Fields, base: Fields): unknown {
  if (key === 'Env') return mergedEnv(image.Env, old.Env, base.Env);
  // An entry point takes its command along: the base's was meant for another one.
  const hasOwnEntrypoint = key === 'Cmd' && !isDeepStrictEqual(image.Entrypoint, old.Entrypoint);
  return hasOwnEntrypoint ? image[key] : chosen(image[key], old[key], base[key]);
}

function chosen<T>(image: T, old: T, base: T): T {
  return isDeepStrictEqual(image, old) ? base : image;
}

function mergedMap(image: unknown, old: unknown, base: unknown): Fields | undefined {
  const [ours, former, theirs] = [objectOf(image), objectOf(old), objectOf(base)];
  const keys = [...new Set([...Object.keys(theirs), ...Object.keys(ours)])];
  const merged = keys.flatMap((key): [string, unknown][] => {
    const value = chosen(ours[key], former[key], theirs[key]);
    return value === undefined ? [] : [[key, value]];
  });
  return merged.length === 0 ? undefined : Object.fromEntries(merged);
}

function mergedEnv(image: unknown, old: unknown, base: unknown): string[] | undefined {
  const [ours, former, theirs] = [variablesOf(image), variablesOf(old), variablesOf(base)];
  const merged = [...new Set([...theirs.keys(), ...ours.keys()])].flatMap((key) => {
    const value = chosen(ours.get(key), former.get(key), theirs.get(key));
    return value === undefined ? [] : [value];
  });
  return merged.length === 0 ? undefined : merged;
}

/** `KEY=value` by KEY. */
function variablesOf(env: unknown): Map<string, string> {
  return new Map(textsOf(env).map((text) => [text.split('=', 1)[0] ?? '', text]));
}
