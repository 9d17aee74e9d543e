/** The view of an upper by whomever it was written. Kernel overlayfs with index=on keeps all names of a multi-linked lower file one file when
 *  one of them is written to, and notes the others in its index alone (work/index), not in the upper: here they are found again (T-5). */

import type { Name } from '../../base/name.js';
import type { Layer } from '../../layers/layer.js';
import { privateKey } from '../../layers/markers.js';
import { compareTrees } from './compare.js';
import { type NodeNumber, TreeView, type UpperListing, type ViewEntry } from './tree-view.js';

export class UpperView extends TreeView {
  /** By directory: names under which a file of the upper shows although the upper has no such name; undefined for what is on the way. */
  private readonly further = new Map<NodeNumber, Map<Name, NodeNumber | undefined>>();

  constructor(
    label: string,
    private readonly upperLayers: readonly Layer[],
  ) {
    super(label, upperLayers, true);
  }

  /** Finds them. `before` is what the upper lies on. */
  findIndexedNames(before: TreeView | undefined): void {
    if (before === undefined || !this.isIndexed) return;
    for (const step of compareTrees(before, this, 'upper')) {
      if (step.kind !== 'object' || step.before === undefined || !this.hasIndexMark(step.after)) continue;
      for (const path of before.linkedNames(step.before)) this.addName(path, step.after);
    }
  }

  /** The root of such an upper tells where it was made for. */
  private get isIndexed(): boolean {
    const upper = this.upperLayers[0]!; // the upper
    return upper.listxattrDirectory(upper.root).some((key) => privateKey(key) === 'origin');
  }

  private hasIndexMark(node: NodeNumber): boolean {
    return this.isUpper(node) && [...this.xattrs(node).keys()].some((key) => privateKey(key) === 'nlink');
  }

  /** `path` shows `node`, unless the upper has something else there or hides it. */
  private addName(path: Name, node: NodeNumber): void {
    const shown = this.at(path);
    if (shown === undefined || shown === node || this.isUpper(shown)) return;
    const parts = path.split('/') as Name[]; // parts of a Name are Names
    let at = this.root;
    for (const [i, name] of parts.entries()) {
      const names = this.further.get(at) ?? new Map<Name, NodeNumber | undefined>();
      this.further.set(at, names);
      names.set(name, i === parts.length - 1 ? node : undefined);
      at = this.child(at, name)!; // it was just found
    }
  }

  override standing(directory: NodeNumber): 'alone' | 'merged' | 'moved' {
    return this.isUpper(directory) ? super.standing(directory) : 'merged';
  }

  override listUpper(directory: NodeNumber): UpperListing {
    const listing = super.listUpper(directory);
    const further = this.further.get(directory);
    if (further === undefined) return listing;
    const known = new Set(listing.entries.map(({ name }) => name));
    const added = [...further].flatMap(([name, file]): ViewEntry[] => {
      const node = file ?? this.child(directory, name);
      return node === undefined || known.has(name) ? [] : [{ name, node, type: this.type(node) }];
    });
    return { ...listing, entries: [...listing.entries, ...added].sort((a, b) => (a.name < b.name ? -1 : 1)) };
  }
}
