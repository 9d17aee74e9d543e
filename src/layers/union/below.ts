/** The view of the layers below a layer, without a tree: where a redirect or a hard link of that layer leads. Rare, so nothing is kept. The
 *  rule is merge.ts's: the first layer that has a name decides, directories go on below it until something closes the name. */

import { dirType } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import { type Found, foundLink, foundPass, foundWhiteout, type Layer, Listing, type Place } from '../layer.js';
import { Branches } from './branches.js';

/** An object that is no directory, found at the end of a path. */
export interface BelowObject {
  position: number;
  /** From the root of the view, where a hard link led there the link's target. */
  path: Name;
  type: number;
  ino: number;
  place: Place;
}

export class Below {
  constructor(private readonly layers: readonly Layer[]) {}

  /** The roots of the layers below `position`. */
  roots(position: number): Branches {
    const roots = Branches.none();
    for (let i = position + 1; i < this.layers.length; i++) roots.add(i, this.layers[i]!.root);
    return roots;
  }

  /** Follows a path from the directories `starts`. */
  walk(starts: Branches, path: Name): { branches: Branches; object?: BelowObject } {
    const parts = path.split('/').filter((part) => part !== '') as Name[]; // parts of a Name are Names
    let branches = starts;
    for (const [i, name] of parts.entries()) {
      const step = this.step(branches, name, path);
      if (step.object !== undefined) return i === parts.length - 1 ? step : { branches: Branches.none() };
      branches = step.branches;
    }
    return { branches };
  }

  /** One step of walk on the way to `path`. A directory's own redirect says where the layers below it go on, as in the kernel. */
  private step(branches: Branches, wanted: Name, path: Name): { branches: Branches; object?: BelowObject } {
    const next = Branches.none();
    const waiting = Branches.none();
    const marks = new Listing();
    let name = wanted;
    for (let i = 0; i < branches.count; i++) {
      const position = branches.position(i);
      const layer = this.layers[position]!;
      const dir = branches.dir(i);
      const sought = name;
      const found = layer.find(dir, name);
      if (found?.type === dirType.dir) {
        const child = layer.directory(dir, name, found.ref);
        next.addAll(waiting);
        waiting.cut(0);
        next.add(position, child);
        layer.listMarks(child, marks);
        if (marks.isOpaque) break;
        if (marks.redirect?.startsWith('/') === true) {
          next.addAll(this.walk(this.roots(position), marks.redirect).branches);
          break;
        }
        name = marks.redirect ?? name;
      } else if (found?.type === foundPass) {
        (next.count === 0 ? waiting : next).add(position, layer.directory(dir, name, found.ref));
      } else if (found !== undefined) {
        const isSeen = next.count === 0 && found.type !== foundWhiteout;
        const object = isSeen ? this.object(position, path, { layer, dir, name, ref: found.ref }, found) : undefined;
        return { branches: next, ...(object !== undefined && { object }) };
      }
      layer.listMarks(dir, marks);
      if (marks.isOpaque || (found !== undefined && layer.hides(dir, sought))) break;
    }
    return { branches: next };
  }

  /** What is no directory. A link to a layer further down stands for its target, which is no directory (L-8). */
  private object(position: number, path: Name, place: Place, { type, ino }: Found): BelowObject | undefined {
    if (type !== foundLink) return { position, path, type, ino, place };
    return this.walk(this.roots(position), place.layer.readlink(place.dir, place.name, place.ref)).object;
  }
}
