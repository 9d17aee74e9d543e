/** The options that a mount has for good, as text: what a remount asks for otherwise is refused, not taken in silence. */

import { resolve } from 'node:path';
import type { IdMap } from '../overlay/config.js';
import { MountOptions } from './mount-option-values.js';

/** By the option's word. */
export type FixedOptions = Readonly<Record<string, string>>;

const number = (value: number | undefined): string | undefined => value?.toString();
const onOff = (value: boolean | undefined): string | undefined => (value === undefined ? undefined : value ? 'on' : 'off');
const map = (value: IdMap | undefined): string | undefined => (value === undefined ? undefined : JSON.stringify(value));

/** undefined: nothing was said. Not those that the kernel shows in /proc/mounts, from where mount(8) takes them. */
const rows: Readonly<Record<string, (options: MountOptions, cwd: string) => string | undefined>> = {
  lowerdir: ({ layers }, cwd) => (layers.length === 0 ? undefined : layers.map((layer) => resolve(cwd, layer)).join(':')),
  upperdir: ({ upper }, cwd) => (upper === undefined ? undefined : resolve(cwd, upper)),
  workdir: ({ work }, cwd) => (work === undefined ? undefined : resolve(cwd, work)),
  driver: ({ driver }) => driver,
  io: ({ io }) => io,
  volatile: ({ isVolatile }) => onOff(isVolatile),
  acl: ({ posixAcl }) => onOff(posixAcl),
  static_nlink: ({ staticNlink }) => onOff(staticNlink),
  xino: ({ xino }) => xino,
  uidmapping: ({ uidMapping }) => map(uidMapping),
  gidmapping: ({ gidMapping }) => map(gidMapping),
  squash_to_uid: ({ squashToUid }) => number(squashToUid),
  squash_to_gid: ({ squashToGid }) => number(squashToGid),
  wh_names: ({ whNames }) => whNames,
  userxattr: ({ userXattr }) => onOff(userXattr),
  redirect_dir: ({ redirectDir }) => onOff(redirectDir),
  timeout: ({ timeoutSec }) => number(timeoutSec),
  spin: ({ spinUs }) => number(spinUs),
  awake: ({ awake }) => awake,
};

/** Those that are otherwise than by default. */
export function fixedOptions(options: MountOptions, cwd: string): FixedOptions {
  const defaults = new MountOptions();
  return Object.fromEntries(
    Object.entries(rows).flatMap(([word, text]) => {
      const value = text(options, cwd);
      return value === undefined || value === text(defaults, cwd) ? [] : [[word, value]];
    }),
  );
}

/** `timeout=5` and the like, where `asked` is not what the mount has. mount(8) repeats what fstab says: that is no change. */
export function changedOptions(asked: FixedOptions, had: FixedOptions): string[] {
  return Object.entries(asked).flatMap(([word, value]) => (had[word] === value ? [] : [`${word}=${value}`]));
}
