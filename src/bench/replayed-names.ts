/** The names that the nodes of a recorded trace had, as they came and went. */

import type { Name } from '../base/name.js';

export interface Place {
  readonly parent: number;
  readonly name: Name;
}

const rootNode = 1;
/** Deeper than any path of Linux. */
const depthMax = 4096;

export class ReplayedNames {
  /** The name that was told last comes last. */
  private readonly places = new Map<number, Place[]>();
  private readonly nodes = new Map<string, number>();

  /** `root`: the path of node 1. */
  constructor(private readonly root: Name) {}

  /** `node` has this name, perhaps beside others. */
  put(node: number, place: Place): void {
    if (node === rootNode) return;
    this.places.set(node, [...this.othersOf(node, place), place]);
    this.nodes.set(keyOf(place), node);
  }

  /** The number is given to something new. */
  forget(node: number): void {
    this.places.delete(node);
  }

  at(place: Place): number | undefined {
    return this.nodes.get(keyOf(place));
  }

  /** The path of a node, undefined where the trace did not tell its names, or they are gone. */
  path(node: number): Name | undefined {
    const parts: string[] = [];
    for (let at = node; at !== rootNode; ) {
      const place = this.places.get(at)?.at(-1);
      // The kernel's trees have no circles; those of a spoiled trace are not followed.
      if (place === undefined || parts.length > depthMax) return undefined;
      parts.unshift(place.name);
      at = place.parent;
    }
    return [this.root, ...parts].join('/') as Name; // joined of Names
  }

  remove(place: Place): void {
    const node = this.at(place);
    this.nodes.delete(keyOf(place));
    if (node !== undefined) this.places.set(node, this.othersOf(node, place));
  }

  /** The name `to` shows what `from` showed; with `isExchange` the reverse too. */
  rename(from: Place, to: Place, isExchange: boolean): void {
    const [moved, replaced] = [this.at(from), this.at(to)];
    this.remove(from);
    this.remove(to);
    if (moved !== undefined) this.put(moved, to);
    if (isExchange && replaced !== undefined) this.put(replaced, from);
  }

  private othersOf(node: number, { parent, name }: Place): Place[] {
    return (this.places.get(node) ?? []).filter((other) => other.parent !== parent || other.name !== name);
  }
}

function keyOf({ parent, name }: Place): string {
  return `${parent}/${name}`;
}
