/** The view of the layers below a layer, without a tree: where a redirect or a hard link of that layer leads. Rare, so nothing is kept. The
 *  rule is merge.ts's: the first layer that has a name decides, directories go on below it until something closes the name. */

import { dirType } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import { foundLink, foundWhiteout, type Layer, type LayerDir, Listing, type Place } from '../layer.js';

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

  /** The roots of the layers below `position`, as branches. */
  roots(position: number): number[] {
    return this.layers.flatMap((layer, i) => (i > position ? [i, layer.root as number] : []));
  }

  /** Follows a path from the directories `starts` (branches, as in Directory). */
  walk(starts: number[], path: Name): { branches: number[]; object?: BelowObject } {
    const parts = path.split('/').filter((part) => part !== '') as Name[]; // parts of a Name are Names
    let branches = starts;
    for (const [i, name] of parts.entries()) {
      const step = this.step(branches, name, path);
      if (step.object !== undefined) return i === parts.length - 1 ? step : { branches: [] };
      branches = step.branches;
    }
    return { branches };
  }

  /** One step of walk on the way to `path`. A directory's own redirect says where the layers below it go on, as in the kernel. */
  private step(branches: readonly number[], wanted: Name, path: Name): { branches: number[]; object?: BelowObject } {
    const next: number[] = [];
    const marks = new Listing();
    let name = wanted;
    for (let i = 0; i < branches.length; i += 2) {
      const position = branches[i]!;
      const layer = this.layers[position]!;
      const dir = branches[i + 1] as LayerDir; // pairs, see Directory.branches
      const sought = name;
      const found = layer.find(dir, name);
      if (found?.type === dirType.dir) {
        const child = layer.directory(dir, name, found.ref);
        next.push(position, child);
        layer.listMarks(child, marks);
        if (marks.isOpaque) break;
        if (marks.redirect?.startsWith('/') === true) {
          next.push(...this.walk(this.roots(position), marks.redirect).branches);
          break;
        }
        name = marks.redirect ?? name;
      } else if (found !== undefined) {
        if (next.length === 0 && found.type === foundLink) {
          // A link to a layer further down: its target is no directory (L-8).
          const target = this.walk(this.roots(position), layer.readlink(dir, name, found.ref)).object;
          return target === undefined ? { branches: [] } : { branches: [], object: target };
        }
        const isObject = next.length === 0 && found.type !== foundWhiteout;
        if (isObject)
          return {
            branches: [],
            object: { position, path, type: found.type, ino: found.ino, place: { layer, dir, name, ref: found.ref } },
          };
        break;
      }
      layer.listMarks(dir, marks);
      if (marks.isOpaque || (found !== undefined && layer.hides(dir, sought))) break;
    }
    return { branches: next };
  }
}
