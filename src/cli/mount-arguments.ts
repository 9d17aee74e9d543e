/** The command line of `plyfs mount`, read without the commander package: loading it would be a tenth of the time a mount takes. */

import { statSync } from 'node:fs';
import { PlyfsError } from '../base/errors.js';
import { pullPolicyFrom } from '../base/pull-policy.js';
import { MountOptions } from '../mount/mount-option-values.js';
import { readMountOptions } from '../mount/mount-options.js';
import type { ImageRequest, MountRequest } from '../mount/mount-request.js';
import { nearest } from './command-facts.js';

interface Draft {
  options: MountOptions;
  /** Bottom first, as written. */
  layers: string[];
  isForeground: boolean;
  isForPeople: boolean;
  image: Omit<ImageRequest, 'text'>;
}

interface Flag {
  names: readonly string[];
  /** What the value is called in the help; undefined for a flag without one. */
  value?: string;
  help: string;
  apply: (draft: Draft, value: string) => void;
}

const viaOption = (name: string) => (draft: Draft, value: string) =>
  readMountOptions(value === '' ? name : `${name}=${value}`, draft.options);

/** In the order of the help. */
export const mountFlags: readonly Flag[] = [
  {
    names: ['-o', '--options'],
    value: 'OPTIONS',
    help: 'options as of overlayfs, fuse-overlayfs and mount(8), separated by commas; may be repeated',
    apply: (draft, value) => readMountOptions(value, draft.options),
  },
  {
    names: ['--layer'],
    value: 'DIR|N',
    help: 'a read-only layer; repeat it for each layer, the bottom one first. With an image: layer N of it alone',
    apply: (draft, value) => draft.layers.push(value),
  },
  {
    names: ['--upper'],
    value: 'DIR',
    help: 'where changes go; made if missing. Without it the mount is read-only',
    apply: (draft, value) => {
      draft.options.upper = value;
      draft.isForPeople = true;
    },
  },
  {
    names: ['--work'],
    value: 'DIR',
    help: 'the work directory; without it UPPER.work beside the upper',
    apply: (draft, value) => {
      draft.options.work = value;
      draft.isForPeople = true;
    },
  },
  {
    names: ['--rw'],
    help: 'mount an image writable: without --upper in a new container of it, whose ID is printed',
    apply: (draft) => {
      draft.image.isWritable = true;
    },
  },
  {
    names: ['--upto'],
    value: 'N',
    help: 'of an image only layers 1 (the bottom) to N',
    apply: (draft, value) => {
      draft.image.upto = layerNumber(value, '--upto');
    },
  },
  {
    names: ['--pull'],
    value: 'WHEN',
    help: 'fetch the image from its registry: always, missing or never; by default where it is missing and its name says the registry',
    apply: (draft, value) => {
      draft.image.pull = pullPolicyFrom(value);
    },
  },
  {
    names: ['--platform'],
    value: 'OS/ARCH',
    help: 'the image of an index to mount',
    apply: (draft, value) => {
      draft.image.platform = value;
    },
  },
  { names: ['--ro'], help: 'mount read-only, also with an upper', apply: viaOption('ro') },
  { names: ['--volatile'], help: 'never sync: faster, and the upper is lost with a crash', apply: viaOption('volatile') },
  { names: ['--force-dirty'], help: 'use an upper that a volatile mount has left', apply: viaOption('force_dirty') },
  { names: ['--driver'], value: 'NAME', help: 'direct (default) or fuse-native', apply: viaOption('driver') },
  { names: ['--io'], value: 'MODE', help: 'auto (default), cached, writeback or passthrough', apply: viaOption('io') },
  {
    names: ['-f', '--foreground'],
    help: 'stay in the foreground; Ctrl-C unmounts',
    apply: (draft) => {
      draft.isForeground = true;
    },
  },
  {
    names: ['-d', '--debug'],
    help: 'stay in the foreground and print each request',
    apply: (draft) => {
      draft.isForeground = true;
      draft.options.isDebug = true;
    },
  },
];

/** What the words after `mount` ask for. PlyfsError with exit status 2 for words that make no sense. */
export function readMountArguments(words: readonly string[], cwd: string, isForeground: boolean): MountRequest {
  const draft: Draft = { options: new MountOptions(), layers: [], isForeground, isForPeople: false, image: {} };
  const places = readWords(words, draft);
  const target = places.at(-1);
  if (target === undefined) throw usage('no target is given: name the directory to mount on');
  if (places.length > 2) throw usage(`too many words: ${places.join(' ')}: give one target`);
  if (places.length === 2 && draft.options.source === 'plyfs') draft.options.source = places[0] ?? '';
  refuseLoneImage(draft, places);
  const image = readImage(draft, places);
  if (draft.layers.length > 0) {
    if (draft.options.layers.length > 0) throw usage('layers are given twice: use --layer or -o lowerdir=, not both');
    draft.options.layers = draft.layers.toReversed();
    draft.isForPeople = true;
  }
  const { options, isForeground: stays, isForPeople } = draft;
  return { options, target, cwd, makesUpper: isForPeople, isForeground: stays, ...(image !== undefined && { image }) };
}

/** A file, which cannot be what to mount on, is an image that is mounted nowhere. */
function refuseLoneImage({ options, layers }: Draft, places: readonly string[]): void {
  const [only, ...others] = places;
  if (only === undefined || others.length > 0 || layers.length + options.layers.length > 0 || options.isRemount) return;
  const isFile = statSync(only.split('#')[0] ?? only, { throwIfNoEntry: false })?.isFile() === true;
  if (isFile) throw usage(`the target is missing: plyfs mount ${only} DIRECTORY`);
}

/** PlyfsError `usage`. */
function layerNumber(text: string, flag: string): number {
  if (/^\d{1,6}$/.test(text) && Number(text) > 0) return Number(text);
  throw usage(`${flag} is the number of a layer, 1 being the bottom, not ${text}`);
}

/** `plyfs mount IMAGE TARGET`: two words and no layer directory. A lone `--layer 3` is a layer of the image. */
function readImage(draft: Draft, places: readonly string[]): ImageRequest | undefined {
  const text = places[0];
  const [only, ...others] = draft.layers;
  const isNumber = only !== undefined && others.length === 0 && /^\d+$/.test(only);
  if (places.length !== 2 || text === undefined || draft.options.layers.length > 0) return undefined;
  if (draft.layers.length > 0 && !isNumber) return undefined;
  draft.layers = [];
  return { text, ...draft.image, ...(isNumber && { only: Number(only) }) };
}

/** Applies the flags; returns the other words. `--` ends the flags. */
function readWords(words: readonly string[], draft: Draft): string[] {
  const places: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === '--') return [...places, ...words.slice(at + 1)];
    if (!word.startsWith('-') || word === '-') {
      places.push(word);
      continue;
    }
    const { flag, attached } = findFlag(word);
    if (flag.value === undefined) {
      if (attached !== undefined) throw usage(`${flag.names.at(-1)} takes no value`);
      flag.apply(draft, '');
      continue;
    }
    const value = attached ?? words[++at];
    if (value === undefined) throw usage(`${word} needs ${flag.value} after it`);
    flag.apply(draft, value);
  }
  return places;
}

/** `--name`, `--name=value`, `-o value`, `-ovalue`. */
function findFlag(word: string): { flag: Flag; attached: string | undefined } {
  const equals = word.startsWith('--') ? word.indexOf('=') : -1;
  const isJoined = !word.startsWith('--') && word.length > 2;
  const name = equals > 0 ? word.slice(0, equals) : isJoined ? word.slice(0, 2) : word;
  const flag = mountFlags.find((each) => each.names.includes(name));
  if (flag === undefined) {
    const near = nearest(
      name,
      mountFlags.flatMap(({ names }) => names.filter((one) => one.startsWith('--'))),
    );
    throw usage(`unknown option ${name}${near === undefined ? '' : `: did you mean ${near}?`}`);
  }
  return { flag, attached: equals > 0 ? word.slice(equals + 1) : isJoined ? word.slice(2) : undefined };
}

function usage(sentence: string): PlyfsError {
  return new PlyfsError('usage', `${sentence}; plyfs mount --help shows how`);
}
