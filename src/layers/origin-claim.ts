/** What an object of an upper says of the lower object that it was copied up from, and whose inode number it keeps. Made by
 *  layers/directory/origins.ts, judged by layers/union/claims.ts. */
export interface OriginClaim {
  /** The origin's number in its layer is one of these, if it is still there and what it was. */
  readonly inos: readonly number[];
  /** All names of the origin were copied up together (plyfs does so), not this one alone. May touch the disk. */
  hasAllNames(): boolean;
  /** Where it is, if it is not what the lower layers have under the same name: in a layer of the stack, or in an inode space. `type` is the
   *  upper object's d_type, `nlink` its names. undefined where it is not certain. Touches the disk. */
  find(type: number, nlink: number): { position: number; ino: number } | { space: string; ino: number } | undefined;
}
