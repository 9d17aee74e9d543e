/** Access times. The disk of the upper keeps them: reading bytes moves a file's by itself, listing from memory moves a directory's by a look
 *  at the disk. Those of layers never move (OV-26). The mount's flags say when one moves (mount(8): relatime, strictatime, noatime). */

import { Attributes } from '../base/attributes.js';
import type { Name } from '../base/name.js';
import { type NodeIndex, nodeFlag } from '../layers/union/node-table.js';
import type { Directory } from '../layers/union/tree.js';
import { O_DIRECTORY, O_RDONLY } from '../sys/constants.js';
import { touchDirectory } from '../sys/dir.js';
import { closeFd, tryOpenAt } from '../sys/open.js';
import type { OverlayState } from './state.js';

const daySec = 86_400;

export class AccessTimes {
  private readonly known = new Attributes();

  constructor(private readonly state: OverlayState) {}

  /** Bytes of the file came from its disk: what is remembered of its access time may be over. */
  hasRead(node: NodeIndex): void {
    const { nodes } = this.state.tree;
    if (!nodes.has(node, nodeFlag.hasAttributes) || !this.state.isUpper(node)) return;
    if (this.moves(node, this.state.config.accessTimes.files)) this.state.invalidate(node);
  }

  /** The directory was listed. What cannot be opened keeps its time. */
  hasListed(directory: Directory): void {
    const { state } = this;
    const { node } = directory;
    if (state.config.accessTimes.directories === 'never' || !state.isUpper(node) || state.isRemoved(node)) return;
    state.stat(node);
    if (!this.moves(node, state.config.accessTimes.directories)) return;
    const fd = tryOpenAt(state.upperFd(directory), '.' as Name, O_RDONLY | O_DIRECTORY);
    if (fd === undefined) return;
    try {
      touchDirectory(fd);
    } finally {
      closeFd(fd);
    }
    state.invalidate(node);
  }

  /** relatime: only where the time is not younger than the last change, or older than a day (Linux relatime_need_update). */
  private moves(node: NodeIndex, rule: 'relative' | 'always' | 'never'): boolean {
    if (rule !== 'relative') return rule === 'always';
    const { known } = this;
    this.state.tree.nodes.load(node, known);
    return (
      isUpTo(known.atimeSec, known.atimeNsec, known.mtimeSec, known.mtimeNsec) ||
      isUpTo(known.atimeSec, known.atimeNsec, known.ctimeSec, known.ctimeNsec) ||
      Date.now() / 1000 - known.atimeSec >= daySec
    );
  }
}

function isUpTo(sec: number, nsec: number, otherSec: number, otherNsec: number): boolean {
  return sec < otherSec || (sec === otherSec && nsec <= otherNsec);
}
