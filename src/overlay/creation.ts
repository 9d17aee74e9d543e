/** New objects: mknod, mkdir, symlink, tmpfile, link. Each appears in one step with its final owner, mode and ACL where the disk allows. */

import { accessAclName, defaultAclName } from '../base/acl.js';
import { errno } from '../base/errno.js';
import { FsError, isRefusal } from '../base/errors.js';
import { dirType, S_IFCHR, S_IFDIR, S_IFMT, S_IFREG, S_ISGID, S_ISUID, typeOfMode } from '../base/mode.js';
import { type Name, nameMax } from '../base/name.js';
import { whiteoutPrefix } from '../layers/markers.js';
import { withOwnerRights } from '../layers/owner-rights.js';
import { Branches } from '../layers/union/branches.js';
import type { EntryIndex } from '../layers/union/name-table.js';
import { type NodeIndex, nodeFlag } from '../layers/union/node-table.js';
import type { Directory } from '../layers/union/tree.js';
import { O_CREAT, O_EXCL, O_RDWR, O_TMPFILE } from '../sys/constants.js';
import { mkdirAt, mknodAt, symlinkAt, unlinkAt } from '../sys/namespace.js';
import { closeFd, openAt } from '../sys/open.js';
import { effectiveGid, effectiveUid } from '../sys/user.js';
import { getxattrAt, setxattrAt } from '../sys/xattr.js';
import type { Caller } from '../vfs/filesystem.js';
import { inheritAcl } from './acl.js';
import type { CopyUp } from './copy-up.js';
import { crashPoint } from './crash-point.js';
import { overflowId } from './ids.js';
import { ownFile } from './open-files.js';
import type { OverlayState } from './state.js';

const self = '' as Name;

/** What a new object is to be, ids as on disk. */
interface Plan {
  /** Kind and permission bits, umask and ACL applied. */
  mode: number;
  rdev: number;
  target: Name | undefined;
  uid: number;
  gid: number;
  access: Buffer | undefined;
  inherited: Buffer | undefined;
}

export class Creation {
  constructor(
    private readonly state: OverlayState,
    private readonly copyUp: CopyUp,
  ) {}

  /** Whose what we make is. */
  private get daemonUid(): number {
    return this.state.upper.keepsIds ? 0 : effectiveUid;
  }

  private get daemonGid(): number {
    return this.state.upper.keepsIds ? 0 : effectiveGid;
  }

  /** Makes an object with a name; returns its node with one reference. `target` is a symlink's. */
  make(parent: NodeIndex, name: Name, mode: number, rdev: number, caller: Caller, target?: Name): NodeIndex {
    const { state } = this;
    const { tree } = state;
    const { directory, entry } = this.vacancy(parent, name);
    if ((mode & S_IFMT) === S_IFCHR && rdev === 0) {
      state.hostsOverlay = true;
      throw new FsError(errno.EPERM, 'a device 0:0 would be a whiteout');
    }
    this.copyUp.ensure(parent);
    const plan = this.plan(directory, mode, rdev, caller, target);
    const node = this.makeOnDisk(directory, name, plan, entry);
    if (entry !== 0) tree.pointEntry(directory, entry, node);
    else tree.addEntry(directory, name, node, 0);
    tree.nodes.addReferences(node, 1);
    state.touched(directory);
    return node;
  }

  /** Checks that `name` is free in a living, writable directory. Returns the entry of its whiteout, or 0. */
  vacancy(parent: NodeIndex, name: Name): { directory: Directory; entry: EntryIndex } {
    this.checkName(name, parent);
    const directory = this.state.livingDirectory(parent);
    this.state.mustBeWritable();
    const entry = this.state.tree.names.find(directory.node, name);
    if (this.state.tree.names.node(entry) !== 0) throw new FsError(errno.EEXIST);
    return { directory, entry };
  }

  checkName(name: Name, parent: NodeIndex): void {
    if (name.length > nameMax) throw new FsError(errno.ENAMETOOLONG);
    if (name.startsWith(whiteoutPrefix) && this.state.config.whNames === 'refuse' && !this.takesWhNames(parent)) {
      throw new FsError(errno.EPERM, `${name} would be a whiteout in an image; mount with wh_names=allow to keep it`);
    }
  }

  /** An image holds no name that begins with `.wh.`, but the uppers of overlays in the view need them. */
  private takesWhNames(parent: NodeIndex): boolean {
    const { state } = this;
    const directory = state.livingDirectory(parent);
    if (state.isUpper(parent) && state.upper.isWhDirectory(state.upperFd(directory))) return true;
    if (!state.hostsOverlay) return false;
    this.copyUp.ensure(parent);
    return state.upper.allowWhNames(state.upperFd(directory));
  }

  private plan(directory: Directory, mode: number, rdev: number, caller: Caller, target: Name | undefined): Plan {
    const { state } = this;
    const { nodes } = state.tree;
    state.stat(directory.node);
    const inheritsGroup = (nodes.mode(directory.node) & S_ISGID) !== 0;
    // Who has no place on disk makes files all the same, as with fuse-overlayfs: podman's own root writes into containers.
    const uid = state.ids.isSquashed ? this.daemonUid : (state.ids.uidOnDisk(caller.uid) ?? overflowId);
    const gid = state.ids.isSquashed ? this.daemonGid : (state.ids.gidOnDisk(caller.gid) ?? overflowId);
    const isDirectory = (mode & S_IFMT) === S_IFDIR;
    const kept = isDirectory && inheritsGroup ? mode | S_ISGID : mode;
    const plan: Plan = {
      mode: kept & ~caller.umask,
      rdev,
      target,
      uid,
      gid: inheritsGroup ? nodes.gid(directory.node) : gid,
      access: undefined,
      inherited: undefined,
    };
    if (target !== undefined) return { ...plan, mode };
    const acl = this.defaultAcl(directory);
    const inherited = acl === null ? undefined : inheritAcl(acl, kept);
    if (acl === null || inherited === undefined) return plan;
    return { ...plan, mode: inherited.mode, access: inherited.access, inherited: isDirectory ? acl : undefined };
  }

  private defaultAcl(directory: Directory): Buffer | null {
    directory.defaultAcl ??= getxattrAt(this.state.upperFd(directory), self, defaultAclName) ?? null;
    return this.state.config.posixAcl ? directory.defaultAcl : null;
  }

  /** Makes the object at its place, or in the work directory first when it must be finished before it shows. */
  private makeOnDisk(directory: Directory, name: Name, plan: Plan, covered: EntryIndex): NodeIndex {
    const { state } = this;
    const { upper } = state;
    const fd = state.upperFd(directory);
    const parentGid = state.tree.nodes.gid(directory.node);
    const inheritsGroup = (state.tree.nodes.mode(directory.node) & S_ISGID) !== 0;
    // a default ACL on disk would be applied a second time by the file system, with its own idea of the umask
    const isInPlace = covered === 0 && (directory.defaultAcl ?? null) === null && plan.uid === this.daemonUid;
    if (isInPlace) {
      const opened = withOwnerRights([[fd, self]], () => this.makeRaw(fd, name, plan));
      return this.undoOnError(fd, name, plan, () => {
        this.closeOnError(opened, () => this.putOwner(fd, name, plan, inheritsGroup ? parentGid : this.daemonGid));
        return this.addNode(directory, name, plan, fd, name, opened);
      });
    }
    const made = upper.temporaryName();
    const opened = this.makeRaw(upper.workFd, made, plan);
    return this.undoOnError(upper.workFd, made, plan, () => {
      const isDirectory = (plan.mode & S_IFMT) === S_IFDIR;
      this.closeOnError(opened, () => {
        this.putOwner(upper.workFd, made, plan, this.daemonGid);
        if (plan.access !== undefined) setxattrAt(upper.workFd, made, accessAclName, plan.access);
        if (plan.inherited !== undefined) setxattrAt(upper.workFd, made, defaultAclName, plan.inherited);
        if (isDirectory && covered !== 0) this.markOpaque(made);
      });
      const node = this.addNode(directory, name, plan, upper.workFd, made, opened);
      crashPoint('create-publish');
      this.removeNodeOnError(node, () => upper.moveIn(made, isDirectory, fd, name, covered !== 0));
      return node;
    });
  }

  private markOpaque(made: Name): void {
    const { upper } = this.state;
    const fd = openAt(upper.workFd, made, 0);
    try {
      upper.setOpaque(fd);
    } finally {
      closeFd(fd);
    }
  }

  /** Returns the descriptor of a regular file, -1 for other kinds. */
  private makeRaw(fd: number, name: Name, plan: Plan): number {
    const kind = plan.mode & S_IFMT;
    if (kind === S_IFREG) return openAt(fd, name, O_CREAT | O_EXCL | O_RDWR | this.state.creationFlags, plan.mode & 0o7777);
    if (plan.target !== undefined) symlinkAt(plan.target, fd, name);
    else if (kind === S_IFDIR) mkdirAt(fd, name, plan.mode & 0o7777);
    else mknodAt(fd, name, plan.mode, plan.rdev);
    return -1;
  }

  /** `gid` is the group that the file system gave it. */
  private putOwner(fd: number, name: Name, plan: Plan, gid: number): void {
    if (plan.uid !== this.daemonUid || plan.gid !== gid) {
      this.state.upper.changeOwner(fd, name, plan.uid, plan.gid);
    }
    const special = plan.mode & (S_ISUID | S_ISGID);
    if (special !== 0 && plan.target === undefined) this.state.upper.changeMode(fd, name, plan.mode & 0o7777);
  }

  private addNode(directory: Directory, name: Name, plan: Plan, fd: number, place: Name, opened: number): NodeIndex {
    const { state } = this;
    const { union, tree, upper } = state;
    const attributes = union.lastAttributes;
    if (opened >= 0) upper.statObject(opened, self, attributes);
    else upper.statObject(fd, place, attributes);
    const ino = union.viewIno(0, attributes.ino);
    const type = typeOfMode(plan.mode);
    let node: NodeIndex;
    if (type === dirType.dir) {
      const made = tree.addDirectory(type, 0, ino, Branches.of(0, upper.directory(state.upperDir(directory), name)));
      made.isLoaded = true;
      made.defaultAcl = plan.inherited;
      node = made.node;
    } else {
      node = tree.nodes.add(type, 0, 0, ino);
    }
    tree.nodes.setFlag(node, nodeFlag.isUpper | nodeFlag.hasNoCapability | nodeFlag.isUnprotected);
    tree.nodes.store(node, attributes);
    if (opened >= 0) state.files.adopt(node, ownFile(opened, true));
    return node;
  }

  private removeNodeOnError(node: NodeIndex, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.state.files.drop(node);
      this.state.tree.removeNode(node);
      throw error;
    }
  }

  private closeOnError(fd: number, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (fd >= 0) closeFd(fd);
      throw error;
    }
  }

  private undoOnError(fd: number, name: Name, plan: Plan, work: () => NodeIndex): NodeIndex {
    try {
      return work();
    } catch (error) {
      if ((plan.mode & S_IFMT) === S_IFDIR) this.state.upper.discardAt(fd, name);
      else unlinkAt(fd, name);
      throw error;
    }
  }

  /** O_TMPFILE. */
  makeNameless(parent: NodeIndex, mode: number, caller: Caller): NodeIndex {
    const { state } = this;
    const { upper } = state;
    const directory = state.livingDirectory(parent);
    this.copyUp.ensure(parent);
    const plan = this.plan(directory, (mode & ~S_IFMT) | S_IFREG, 0, caller, undefined);
    const opened = this.openNameless(plan.mode & 0o7777);
    this.closeOnError(opened, () => {
      this.putOwner(opened, self, plan, this.daemonGid);
      if (plan.access !== undefined) setxattrAt(opened, self, accessAclName, plan.access);
    });
    const node = this.addNode(directory, self, plan, upper.workFd, self, opened);
    state.tree.nodes.setFlag(node, nodeFlag.isDetached);
    state.tree.nodes.addReferences(node, 1);
    state.files.pin(node);
    return node;
  }

  private openNameless(mode: number): number {
    const { upper } = this.state;
    try {
      return openAt(upper.workFd, '.' as Name, O_TMPFILE | O_RDWR | this.state.creationFlags, mode);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      throw new FsError(errno.EOPNOTSUPP, 'the file system of the upper has no O_TMPFILE');
    }
  }

  /** A further name for `node`. */
  link(node: NodeIndex, parent: NodeIndex, name: Name): void {
    const { state } = this;
    const { tree, upper, union } = state;
    if (tree.nodes.isDirectory(node)) throw new FsError(errno.EPERM);
    const { directory, entry } = this.vacancy(parent, name);
    this.copyUp.ensure(node);
    this.copyUp.ensure(parent);
    const fd = state.upperFd(directory);
    state.markOrigin(directory, node);
    if (entry === 0) {
      this.linkTo(node, fd, name);
    } else {
      const made = upper.temporaryName();
      this.linkTo(node, upper.workFd, made);
      upper.orDiscard(made, () => upper.moveIn(made, false, fd, name, true));
    }
    if (entry !== 0) tree.pointEntry(directory, entry, node);
    else tree.addEntry(directory, name, node, 0);
    tree.nodes.addReferences(node, 1);
    state.restat(node);
    union.links.set(0, union.lastAttributes.ino, node);
    state.touched(directory);
  }

  private linkTo(node: NodeIndex, fd: number, name: Name): void {
    const { state } = this;
    if (state.tree.nodes.entry(node) === 0) {
      state.upper.link(state.files.pin(node).fd, self, fd, name);
      return;
    }
    const place = state.union.locate(node);
    state.upper.link(state.upper.fd(place.dir), place.name, fd, name);
  }
}
