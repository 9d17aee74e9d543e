/** Owners on disk against owners in the view: uidmapping, gidmapping, squash_to_uid, squash_to_gid. */

import type { Attributes } from '../base/attributes.js';
import type { IdMap, OverlayConfig } from './config.js';

/** What an unmapped id shows as (/proc/sys/kernel/overflowuid). */
const overflowId = 65534;

export class Ids {
  private readonly isPlain: boolean;

  constructor(private readonly config: OverlayConfig) {
    const { uidMapping, gidMapping, squashToUid, squashToGid } = config;
    this.isPlain = uidMapping === undefined && gidMapping === undefined && squashToUid === undefined && squashToGid === undefined;
  }

  /** Changes the owner in `attributes` from what the disk says to what the view shows. */
  show(attributes: Attributes): void {
    if (this.isPlain) return;
    attributes.uid = this.config.squashToUid ?? inward(this.config.uidMapping, attributes.uid);
    attributes.gid = this.config.squashToGid ?? inward(this.config.gidMapping, attributes.gid);
  }

  /** The id on disk of a user of the view; undefined where it has none. */
  uidOnDisk(uid: number): number | undefined {
    return this.isPlain ? uid : outward(this.config.uidMapping, uid);
  }

  gidOnDisk(gid: number): number | undefined {
    return this.isPlain ? gid : outward(this.config.gidMapping, gid);
  }

  /** Every object shows one owner: what callers set is kept on disk only as far as we may. */
  get isSquashed(): boolean {
    return this.config.squashToUid !== undefined || this.config.squashToGid !== undefined;
  }
}

function inward(map: IdMap | undefined, id: number): number {
  if (map === undefined) return id;
  for (const range of map) if (id >= range.outside && id < range.outside + range.count) return range.inside + id - range.outside;
  return overflowId;
}

function outward(map: IdMap | undefined, id: number): number | undefined {
  if (map === undefined) return id;
  for (const range of map) if (id >= range.inside && id < range.inside + range.count) return range.outside + id - range.inside;
  return undefined;
}
