/** Makes the index of a finished tree: numbers what is reachable from the root, directory by directory, and fills the columns. */

import { S_IFDIR, S_IFMT } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import { TarIndex } from './tar-index.js';
import { type ColumnName, type Columns, flag } from './tar-index-format.js';
import { noObject, type TarTree, type TreeExtras } from './tar-tree.js';

const nobody = 0xffffffff;

/** The sealed index of `tree`, whose tar had `archiveBytes`. */
export function layOut(tree: TarTree, extras: TreeExtras, archiveBytes: number): TarIndex {
  dropHidden(tree, extras);
  const order = orderOf(tree, extras);
  const whiteouts = whiteoutsOf(tree, extras, order);
  const groups = groupsOf(order);
  const sides = sidesOf(tree, extras, order);
  const index = TarIndex.allocate(columnSizes(tree, extras, { order, whiteouts, groups, sides }), archiveBytes);
  fillEntries(index.columns, tree, order);
  fillGroups(index.columns, groups);
  fillSides(index.columns, extras, order, sides);
  fillWhiteouts(index.columns, whiteouts);
  tree.targets.buffer.copy(index.columns.targets, 0, 0, tree.targets.length);
  extras.xattrBytes.buffer.copy(index.columns.xattrBytes, 0, 0, extras.xattrBytes.length);
  return index.seal();
}

/** A whiteout also hides what the layer has only for markers below that name. */
function dropHidden(tree: TarTree, { whiteouts: { dirs, names } }: TreeExtras): void {
  names.forEach((name, i) => {
    const slot = tree.findSlot(dirs[i]!, name);
    const object = slot < 0 ? noObject : tree.slotObject[slot]!;
    if (object !== noObject && (tree.flags[object]! & flag.markers) !== 0) tree.slotObject[slot] = noObject;
  });
}

/** The entries in their final order. The root is entry 0 and has no slot (`nobody`). */
interface Order {
  readonly count: number;
  readonly nameBytes: number;
  readonly slot: Uint32Array;
  readonly object: Uint32Array;
  /** Of each directory entry. */
  readonly firstChild: Uint32Array;
  readonly children: Uint32Array;
  /** The first entry that stands for an object; `nobody` where none does. */
  readonly entryOf: Uint32Array;
}

function orderOf(tree: TarTree, extras: TreeExtras): Order {
  const { start, slots } = slotsByParent(tree);
  const order = {
    count: 1,
    nameBytes: 0,
    slot: new Uint32Array(tree.slots + 1),
    object: new Uint32Array(tree.slots + 1),
    firstChild: new Uint32Array(tree.slots + 1),
    children: new Uint32Array(tree.slots + 1),
    entryOf: new Uint32Array(tree.objects).fill(nobody),
  };
  order.slot[0] = nobody;
  order.entryOf[0] = 0;
  for (let entry = 0; entry < order.count; entry++) {
    const object = order.object[entry]!;
    if (!tree.isDirectory(object)) continue;
    const children = slots.subarray(start[object]!, start[object + 1]!);
    sortByName(tree, children);
    order.firstChild[entry] = order.count;
    order.children[entry] = children.length;
    for (const slot of children) {
      const child = order.count++;
      const named = tree.slotObject[slot]!;
      const shown = extras.bound.get(named) ?? named;
      order.slot[child] = slot;
      order.object[child] = shown;
      if (order.entryOf[shown] === nobody) order.entryOf[shown] = child;
      order.nameBytes += tree.slotNameLength[slot]!;
    }
  }
  return order;
}

/** All slots with an object, grouped by the directory they lie in: those of directory object d are slots[start[d]] up to slots[start[d + 1]]. */
function slotsByParent(tree: TarTree): { start: Uint32Array; slots: Uint32Array } {
  const start = new Uint32Array(tree.objects + 2);
  for (let slot = 0; slot < tree.slots; slot++) if (tree.slotObject[slot] !== noObject) start[tree.slotParent[slot]! + 2]!++;
  for (let object = 2; object < start.length; object++) start[object]! += start[object - 1]!;
  const slots = new Uint32Array(tree.slots);
  for (let slot = 0; slot < tree.slots; slot++)
    if (tree.slotObject[slot] !== noObject) slots[start[tree.slotParent[slot]! + 1]!++] = slot;
  return { start, slots };
}

/** Sorts slots by the bytes of their names; a tar usually has them in order already. */
function sortByName(tree: TarTree, slots: Uint32Array): void {
  const compare = (a: number, b: number) => compareNames(tree, a, b);
  for (let i = 1; i < slots.length; i++) {
    if (compare(slots[i - 1]!, slots[i]!) > 0) {
      slots.sort(compare);
      return;
    }
  }
}

function compareNames(tree: TarTree, a: number, b: number): number {
  const bytes = tree.names.buffer;
  const lengthA = tree.slotNameLength[a]!;
  const lengthB = tree.slotNameLength[b]!;
  const fromA = tree.slotName[a]!;
  const fromB = tree.slotName[b]!;
  const shared = Math.min(lengthA, lengthB);
  for (let i = 0; i < shared; i++) {
    const difference = bytes[fromA + i]! - bytes[fromB + i]!;
    if (difference !== 0) return difference;
  }
  return lengthA - lengthB;
}

interface Whiteout {
  readonly dir: number;
  readonly name: Name;
}

/** The whiteouts in order, each once. One whose name the layer itself holds is left out: the entry hides what lies below as well,
 *  only a directory must also be opaque for that, and is no longer implied (W-2, W-6). */
function whiteoutsOf(tree: TarTree, extras: TreeExtras, order: Order): Whiteout[] {
  const { dirs, names } = extras.whiteouts;
  const result: Whiteout[] = [];
  names.forEach((name, i) => {
    const object = dirs[i]!;
    const dir = order.entryOf[object]!;
    if (dir === nobody) return;
    const slot = tree.findSlot(object, name);
    if (slot < 0 || tree.slotObject[slot] === noObject) result.push({ dir, name });
    else if (tree.isDirectory(tree.slotObject[slot]!)) {
      const replaced = tree.slotObject[slot]!;
      tree.flags[replaced] = (tree.flags[replaced]! & ~flag.implied) | flag.opaque;
    }
  });
  result.sort((a, b) => a.dir - b.dir || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return result.filter(({ dir, name }, i) => i === 0 || result[i - 1]!.dir !== dir || result[i - 1]!.name !== name);
}

/** The entries that share an object with others, ascending, and for each the first of them and their number. */
interface Groups {
  readonly entries: readonly number[];
  readonly first: readonly number[];
  readonly size: readonly number[];
}

function groupsOf(order: Order): Groups {
  const sizes = new Map<number, number>();
  for (let entry = 1; entry < order.count; entry++) {
    const first = order.entryOf[order.object[entry]!]!;
    if (first !== entry) sizes.set(first, (sizes.get(first) ?? 1) + 1);
  }
  const entries: number[] = [];
  if (sizes.size > 0) {
    for (let entry = 1; entry < order.count; entry++) if (sizes.has(order.entryOf[order.object[entry]!]!)) entries.push(entry);
  }
  const first = entries.map((entry) => order.entryOf[order.object[entry]!]!);
  return { entries, first, size: first.map((entry) => sizes.get(entry)!) };
}

/** Entries with xattrs and with extents, ascending; only the first name of a file counts. */
interface Sides {
  readonly xattrEntries: readonly number[];
  readonly sparseEntries: readonly number[];
  readonly extents: number;
}

function sidesOf(tree: TarTree, extras: TreeExtras, order: Order): Sides {
  const xattrEntries: number[] = [];
  const sparseEntries: number[] = [];
  let extents = 0;
  for (let entry = 0; entry < order.count; entry++) {
    const object = order.object[entry]!;
    if (order.entryOf[object] !== entry) continue;
    if ((tree.flags[object]! & flag.xattrs) !== 0) xattrEntries.push(entry);
    if ((tree.flags[object]! & flag.sparse) !== 0) {
      sparseEntries.push(entry);
      extents += extras.extents.get(object)!.length;
    }
  }
  return { xattrEntries, sparseEntries, extents };
}

interface Parts {
  readonly order: Order;
  readonly whiteouts: readonly Whiteout[];
  readonly groups: Groups;
  readonly sides: Sides;
}

/** How many values each column takes. */
function columnSizes(tree: TarTree, extras: TreeExtras, parts: Parts): Record<ColumnName, number> {
  const { order, whiteouts, groups, sides } = parts;
  const { count } = order;
  const [grouped, withXattrs, sparse] = [groups.entries.length, sides.xattrEntries.length, sides.sparseEntries.length];
  return {
    ...{ data: count, size: count, mtimeSec: count, mtimeNsec: count, parent: count, uid: count, gid: count },
    ...{ nameEnd: count, mode: count, flags: count },
    ...{ names: order.nameBytes, targets: tree.targets.length },
    ...{ groupEntry: grouped, groupFirst: grouped, groupSize: grouped },
    ...{ xattrEntry: withXattrs, xattrAt: withXattrs, xattrBytes: extras.xattrBytes.length },
    ...{ sparseEntry: sparse, sparseEnd: sparse },
    ...{ extentOffset: sides.extents, extentLength: sides.extents, extentAt: sides.extents },
    ...{ whiteoutDir: whiteouts.length, whiteoutEnd: whiteouts.length },
    whiteoutNames: whiteouts.reduce((sum, { name }) => sum + name.length, 0),
  };
}

function fillEntries(into: Columns, tree: TarTree, order: Order): void {
  const names = tree.names.buffer;
  let nameEnd = 0;
  for (let entry = 0; entry < order.count; entry++) {
    const object = order.object[entry]!;
    const isDirectory = (tree.mode[object]! & S_IFMT) === S_IFDIR;
    into.data[entry] = isDirectory ? order.firstChild[entry]! : tree.data[object]!;
    into.size[entry] = isDirectory ? order.children[entry]! : tree.size[object]!;
    into.mtimeSec[entry] = tree.mtimeSec[object]!;
    into.mtimeNsec[entry] = tree.mtimeNsec[object]!;
    into.uid[entry] = tree.uid[object]!;
    into.gid[entry] = tree.gid[object]!;
    into.mode[entry] = tree.mode[object]!;
    into.flags[entry] = tree.flags[object]!;
    if (entry > 0) {
      const slot = order.slot[entry]!;
      into.parent[entry] = order.entryOf[tree.slotParent[slot]!]!;
      const from = tree.slotName[slot]!;
      const length = tree.slotNameLength[slot]!;
      for (let i = 0; i < length; i++) into.names[nameEnd + i] = names[from + i]!;
      nameEnd += length;
    }
    into.nameEnd[entry] = nameEnd;
  }
}

function fillGroups(into: Columns, groups: Groups): void {
  into.groupEntry.set(groups.entries);
  into.groupFirst.set(groups.first);
  into.groupSize.set(groups.size);
  for (const entry of groups.entries) into.flags[entry]! |= flag.multi;
}

function fillSides(into: Columns, extras: TreeExtras, order: Order, sides: Sides): void {
  into.xattrEntry.set(sides.xattrEntries);
  sides.xattrEntries.forEach((entry, i) => {
    into.xattrAt[i] = extras.xattrAt.get(order.object[entry]!)!;
  });
  into.sparseEntry.set(sides.sparseEntries);
  let end = 0;
  sides.sparseEntries.forEach((entry, i) => {
    for (const extent of extras.extents.get(order.object[entry]!)!) {
      into.extentOffset[end] = extent.offset;
      into.extentLength[end] = extent.length;
      into.extentAt[end] = extent.at;
      end++;
    }
    into.sparseEnd[i] = end;
  });
}

function fillWhiteouts(into: Columns, whiteouts: readonly Whiteout[]): void {
  let end = 0;
  whiteouts.forEach(({ dir, name }, i) => {
    into.whiteoutDir[i] = dir;
    end += into.whiteoutNames.write(name, end, 'latin1');
    into.whiteoutEnd[i] = end;
  });
}
