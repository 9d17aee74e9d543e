/** The inode numbers of what was copied up before the mount: an object of the upper keeps its lower original's, if it can be verified that
 *  nobody else shows it. A number in doubt is not kept (the upper's own is shown), as two files of one number are one file to cp, rsync and
 *  linkers. Names of one upper file get one number. */

import { Attributes } from '../../base/attributes.js';
import { isSameIno } from '../../base/inode-number.js';
import type { Name } from '../../base/name.js';
import type { Layer, LayerDir } from '../layer.js';
import type { OriginClaim } from '../origin-claim.js';
import type { InodeNumbers } from './inode-numbers.js';
import type { Links } from './links.js';
import type { NodeIndex } from './node-table.js';
import type { Tree } from './tree.js';

interface Claimed {
  readonly claim: OriginClaim;
  /** Where the upper has the object. */
  readonly dir: LayerDir;
  readonly name: Name;
  /** The number of the lower object that it hides, where that is its origin. */
  hidden: number | undefined;
  /** Names of the hidden file in its layer. */
  hiddenLinks: number;
}

export class Claims {
  /** Of the directory that is being merged. */
  private readonly claims = new Map<NodeIndex, Claimed>();
  private readonly attributes = new Attributes();

  constructor(
    private readonly layers: readonly Layer[],
    private readonly tree: Tree,
    private readonly inodes: InodeNumbers,
    private readonly links: Links,
  ) {}

  get isEmpty(): boolean {
    return this.claims.size === 0;
  }

  /** The upper's `node`, `name` in `dir`, says where it comes from. */
  add(node: NodeIndex, dir: LayerDir, name: Name, claim: OriginClaim): void {
    this.claims.set(node, { claim, dir, name, hidden: undefined, hiddenLinks: 1 });
  }

  /** The layer at `position` has, as `name` in `dir`, what `node` hides: number `ino`, which nobody else shows if it is one name's. */
  compare(node: NodeIndex, position: number, dir: LayerDir, name: Name, ref: number, ino: number): void {
    const claimed = this.claims.get(node);
    if (claimed === undefined || !claimed.claim.inos.some((each) => isSameIno(ino, each))) return;
    claimed.hidden ??= this.inodes.ofLayer(position, ino);
    if (this.tree.nodes.isDirectory(node)) return;
    this.layers[position]!.stat(dir, name, ref, this.attributes);
    claimed.hiddenLinks = this.attributes.nlink;
  }

  /** Decides on all of them. */
  settle(): void {
    for (const [node, claimed] of this.claims) this.settleOne(node, claimed);
    this.claims.clear();
  }

  /** Those of a directory whose merge has failed. */
  drop(): void {
    this.claims.clear();
  }

  private settleOne(node: NodeIndex, claimed: Claimed): void {
    const { nodes } = this.tree;
    if (nodes.isDirectory(node)) {
      nodes.setIno(node, claimed.hidden ?? this.find(node, claimed, 2) ?? nodes.ino(node));
      return;
    }
    this.layers[0]!.stat(claimed.dir, claimed.name, 0, this.attributes);
    const { nlink, ino } = this.attributes;
    const known = nlink > 1 ? this.links.get(0, ino) : undefined;
    // Whoever lists copied-up files mostly asks for their attributes next. Those of several names wait until they are one node.
    if (nlink === 1) nodes.store(node, this.attributes);
    nodes.setIno(node, known === undefined ? this.decide(node, claimed, nlink) : nodes.ino(known));
    if (nlink > 1 && known === undefined) this.links.set(0, ino, node);
  }

  private decide(node: NodeIndex, claimed: Claimed, nlink: number): number {
    const own = this.tree.nodes.ino(node);
    if (claimed.hidden === undefined) return this.find(node, claimed, nlink) ?? own;
    // The kernel's overlayfs copies one name of several: the others go on showing the original.
    return claimed.hiddenLinks === 1 || nlink > 1 || claimed.claim.hasAllNames() ? claimed.hidden : own;
  }

  private find(node: NodeIndex, { claim }: Claimed, nlink: number): number | undefined {
    const found = claim.find(this.tree.nodes.type(node), nlink);
    if (found === undefined) return undefined;
    return 'space' in found ? this.inodes.ofSpace(found.space, found.ino) : this.inodes.ofLayer(found.position, found.ino);
  }
}
