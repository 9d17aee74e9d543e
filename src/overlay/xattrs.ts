/** Extended attributes of the view: what the layers store, without overlay's own, plus those that plyfs makes up to say where a file
 *  comes from (user.plyfs.*: answered when asked for by name, never listed). */

import { defaultAclName } from '../base/acl.js';
import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import type { Name } from '../base/name.js';
import type { LayerDir } from '../layers/layer.js';
import { type NodeIndex, nodeFlag } from '../layers/union/node-table.js';
import { rootIndex } from '../layers/union/tree.js';
import { capabilityKey, getxattrAt, listxattrAt, removexattrAt, setxattrAt } from '../sys/xattr.js';
import { aclPrefix } from './acl.js';
import type { CopyUp } from './copy-up.js';
import type { OverlayState } from './state.js';

const virtualPrefix = 'user.plyfs.';

export class Xattrs {
  constructor(
    private readonly state: OverlayState,
    private readonly copyUp: CopyUp,
  ) {}

  get(node: NodeIndex, name: Name): Buffer | undefined {
    if (name.startsWith(virtualPrefix)) return this.virtual(node, name.slice(virtualPrefix.length));
    if (name.startsWith(aclPrefix) && !this.state.config.posixAcl) throw new FsError(errno.EOPNOTSUPP);
    const value = this.stored(node, name);
    return value !== undefined && name.startsWith(aclPrefix) ? this.state.ids.showAcl(value) : value;
  }

  private stored(node: NodeIndex, name: Name): Buffer | undefined {
    const key = this.state.privateXattrs.stored(name);
    if (this.state.privateXattrs.hides(key)) return undefined;
    if (name !== capabilityKey) return this.onDisk(node, key);
    const { nodes } = this.state.tree;
    if (nodes.has(node, nodeFlag.hasNoCapability)) return undefined;
    const value = this.onDisk(node, key);
    if (value === undefined) nodes.setFlag(node, nodeFlag.hasNoCapability);
    return value;
  }

  private onDisk(node: NodeIndex, key: Name): Buffer | undefined {
    const place = this.state.placeOnDisk(node);
    if (place !== undefined) return getxattrAt(place.fd, place.name, key);
    return this.fromLayer(
      node,
      (dir, layer) => layer.getxattrDirectory(dir, key),
      (at) => at.layer.getxattr(at.dir, at.name, at.ref, key),
    );
  }

  list(node: NodeIndex): Name[] {
    const { privateXattrs } = this.state;
    const place = this.state.placeOnDisk(node);
    const stored =
      place !== undefined
        ? listxattrAt(place.fd, place.name)
        : this.fromLayer(
            node,
            (dir, layer) => layer.listxattrDirectory(dir),
            (at) => at.layer.listxattr(at.dir, at.name, at.ref),
          );
    return stored.length === 0
      ? stored
      : stored.filter((name) => !privateXattrs.hides(name)).map((name) => privateXattrs.inView(name));
  }

  set(node: NodeIndex, name: Name, value: Buffer, flags: number): void {
    if (name.startsWith(virtualPrefix)) throw new FsError(errno.EPERM, `${name} is made up by plyfs`);
    if (name.startsWith(aclPrefix) && !this.state.config.posixAcl) throw new FsError(errno.EOPNOTSUPP);
    this.copyUp.ensure(node);
    const place = this.state.upperPlace(node);
    const bytes = name.startsWith(aclPrefix) ? this.state.ids.aclOnDisk(value) : value;
    setxattrAt(place.fd, place.name, this.state.privateXattrs.stored(name), bytes, flags);
    this.changed(node, name);
  }

  remove(node: NodeIndex, name: Name): void {
    if (name.startsWith(virtualPrefix)) throw new FsError(errno.EPERM, `${name} is made up by plyfs`);
    if (this.get(node, name) === undefined) throw new FsError(errno.ENODATA);
    this.copyUp.ensure(node);
    const place = this.state.upperPlace(node);
    if (!removexattrAt(place.fd, place.name, this.state.privateXattrs.stored(name))) throw new FsError(errno.ENODATA);
    this.changed(node, name);
  }

  private changed(node: NodeIndex, name: Name): void {
    this.state.invalidate(node);
    if (name === capabilityKey) this.state.tree.nodes.clearFlag(node, nodeFlag.hasNoCapability);
    if (name === defaultAclName) this.state.tree.directory(node).defaultAcl = undefined;
  }

  private fromLayer<T>(
    node: NodeIndex,
    ofDirectory: (dir: LayerDir, layer: OverlayState['union']['layers'][number]) => T,
    ofOther: (place: ReturnType<OverlayState['union']['locate']>) => T,
  ): T {
    const { union, tree } = this.state;
    if (!tree.nodes.isDirectory(node)) return ofOther(union.locate(node));
    const { position, dir } = union.spelledOut(tree.directory(node));
    return ofDirectory(dir, union.layers[position]!);
  }

  /** Where the file's bytes come from. */
  private virtual(node: NodeIndex, key: string): Buffer | undefined {
    const { union, tree, config } = this.state;
    const position = tree.nodes.isDirectory(node) ? union.spelledOut(tree.directory(node)).position : tree.nodes.layer(node);
    switch (key) {
      case 'layer':
        return Buffer.from(union.labelOf(position));
      case 'history': {
        const command = this.state.isUpper(node) ? undefined : config.history?.[position - (union.hasUpper ? 1 : 0)];
        return command === undefined ? undefined : Buffer.from(command);
      }
      case 'versions':
        return this.versions(node);
      default:
        return undefined;
    }
  }

  /** The layers that have something at the node's name, newest first, one a line: `LABEL KIND`. */
  private versions(node: NodeIndex): Buffer | undefined {
    const { union, tree } = this.state;
    const entry = tree.nodes.entry(node);
    if (entry === 0 && node !== rootIndex) return undefined;
    const lines = entry === 0 ? union.versionsOfRoot() : union.versionsOf(tree.directoryOf(entry), tree.names.name(entry));
    return Buffer.from(lines.map(({ label, kind }) => `${label} ${kind}\n`).join(''));
  }
}
