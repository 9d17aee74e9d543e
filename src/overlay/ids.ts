/** Owners on disk against owners in the view: uidmapping, gidmapping, squash_to_uid, squash_to_gid. */

import type { Attributes } from '../base/attributes.js';
import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import { mapAcl } from './acl.js';
import type { IdMap, OverlayConfig } from './config.js';

/** What an unmapped id shows as, and is stored as (/proc/sys/kernel/overflowuid). */
export const overflowId = 65534;

export class Ids {
  private readonly isPlain: boolean;

  constructor(private readonly config: OverlayConfig) {
    const { uidMapping, gidMapping, squashToUid, squashToGid } = config;
    this.isPlain = uidMapping === undefined && gidMapping === undefined && squashToUid === undefined && squashToGid === undefined;
  }

  /** Changes the owner in `attributes` from what the disk says to what the view shows. */
  show(attributes: Attributes): void {
    if (this.isPlain) return;
    attributes.uid = this.config.squashToUid ?? toShown(this.config.uidMapping, attributes.uid);
    attributes.gid = this.config.squashToGid ?? toShown(this.config.gidMapping, attributes.gid);
  }

  /** The id on disk of a user of the view; undefined where it has none. */
  uidOnDisk(uid: number): number | undefined {
    return this.isPlain ? uid : toDisk(this.config.uidMapping, uid);
  }

  gidOnDisk(gid: number): number | undefined {
    return this.isPlain ? gid : toDisk(this.config.gidMapping, gid);
  }

  /** An ACL of the disk as the view shows it. */
  showAcl(acl: Buffer): Buffer {
    const { uidMapping, gidMapping } = this.config;
    if (this.isPlain || this.isSquashed) return acl;
    return mapAcl(
      acl,
      (id) => toShown(uidMapping, id),
      (id) => toShown(gidMapping, id),
    );
  }

  /** The reverse of showAcl; EINVAL for an id that has none on disk. */
  aclOnDisk(acl: Buffer): Buffer {
    if (this.isPlain || this.isSquashed) return acl;
    const mapped = (id: number | undefined): number => {
      if (id === undefined) throw new FsError(errno.EINVAL, 'an id without a mapping in an ACL');
      return id;
    };
    return mapAcl(
      acl,
      (id) => mapped(this.uidOnDisk(id)),
      (id) => mapped(this.gidOnDisk(id)),
    );
  }

  /** Every object shows one owner: what callers set is kept on disk only as far as we may. */
  get isSquashed(): boolean {
    return this.config.squashToUid !== undefined || this.config.squashToGid !== undefined;
  }
}

function toShown(map: IdMap | undefined, id: number): number {
  if (map === undefined) return id;
  for (const range of map) if (id >= range.onDisk && id < range.onDisk + range.count) return range.shown + id - range.onDisk;
  return overflowId;
}

function toDisk(map: IdMap | undefined, id: number): number | undefined {
  if (map === undefined) return id;
  for (const range of map) if (id >= range.shown && id < range.shown + range.count) return range.onDisk + id - range.shown;
  return undefined;
}
