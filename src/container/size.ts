/** What a container weighs, as docker counts: the bytes of what was written in it, and those of its whole view. */

import { lstatSync, readdirSync } from 'node:fs';
import { ifPresent } from '../base/node-error.js';
import type { Container } from '../store/containers.js';

export interface ContainerSize {
  /** Of the files in the upper. */
  readonly writtenBytes: number;
  /** With the layers of its image. */
  readonly viewBytes: number;
}

/** Hard links count once. What vanishes while it is looked at counts nothing. */
export function containerSize({ upper, image }: Container): ContainerSize {
  const writtenBytes = bytesBelow(Buffer.from(upper));
  return { writtenBytes, viewBytes: writtenBytes + image.layers.reduce((sum, layer) => sum + layer.contentBytes, 0) };
}

function bytesBelow(top: Buffer): number {
  const seen = new Set<string>();
  const open = [top];
  let sum = 0;
  for (let directory = open.pop(); directory !== undefined; directory = open.pop()) {
    const here = directory;
    for (const name of ifPresent(() => readdirSync(here, { encoding: 'buffer' })) ?? []) {
      const path = Buffer.concat([here, Buffer.from('/'), name]);
      const stat = ifPresent(() => lstatSync(path, { bigint: true }));
      if (stat === undefined) continue;
      if (stat.isDirectory()) open.push(path);
      const isAgain = stat.nlink > 1n && seen.has(`${stat.dev}:${stat.ino}`);
      if (stat.isDirectory() || isAgain) continue;
      if (stat.nlink > 1n) seen.add(`${stat.dev}:${stat.ino}`);
      sum += Number(stat.size);
    }
  }
  return sum;
}
