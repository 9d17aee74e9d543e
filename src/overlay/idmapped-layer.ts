/** A layer on an idmapped mount, in a view that maps ids itself: podman 4 does both for `--uidmap` with a mount program. What such a mount
 *  says of owners is what the view is to show; here it is turned into what stands on disk, so that all layers and the upper speak alike. */

import type { Attributes } from '../base/attributes.js';
import type { Name } from '../base/name.js';
import type { Descriptors } from '../layers/directory/descriptors.js';
import { DirectoryLayer } from '../layers/directory/directory-layer.js';
import type { LayerDir } from '../layers/layer.js';
import type { PrivateXattrs } from '../layers/markers.js';
import { aclPrefix, mapAcl } from './acl.js';
import type { Ids } from './ids.js';

export class IdmappedLayer extends DirectoryLayer {
  constructor(
    path: string,
    descriptors: Descriptors,
    private readonly ids: Ids,
    privates: PrivateXattrs,
  ) {
    super(path, path, descriptors, privates);
  }

  override stat(dir: LayerDir, name: Name, ref: number, out: Attributes): void {
    super.stat(dir, name, ref, out);
    this.unmap(out);
  }

  override statDirectory(dir: LayerDir, out: Attributes): void {
    super.statDirectory(dir, out);
    this.unmap(out);
  }

  override getxattr(dir: LayerDir, name: Name, ref: number, key: Name): Buffer | undefined {
    return this.unmapAcl(key, super.getxattr(dir, name, ref, key));
  }

  override getxattrDirectory(dir: LayerDir, key: Name): Buffer | undefined {
    return this.unmapAcl(key, super.getxattrDirectory(dir, key));
  }

  private unmap(attributes: Attributes): void {
    attributes.uid = this.uidOnDisk(attributes.uid);
    attributes.gid = this.gidOnDisk(attributes.gid);
  }

  private unmapAcl(key: Name, value: Buffer | undefined): Buffer | undefined {
    if (value === undefined || !key.startsWith(aclPrefix)) return value;
    return mapAcl(
      value,
      (id) => this.uidOnDisk(id),
      (id) => this.gidOnDisk(id),
    );
  }

  /** An id that neither mapping knows shows as what the mount makes of it: the overflow id. */
  private uidOnDisk(uid: number): number {
    return this.ids.uidOnDisk(uid) ?? uid;
  }

  private gidOnDisk(gid: number): number {
    return this.ids.gidOnDisk(gid) ?? gid;
  }
}
