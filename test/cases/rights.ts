/** Who may do what, and what a change does to setuid, capabilities, ACLs and xattrs. */

import { unsupported } from '../../src/fuse/libfuse/unsupported.js';
import type { Case } from '../support/case.js';

const capability = 'hex:0100000200040000000000000000000000000000';

export const rightCases: readonly Case[] = [
  {
    name: 'OV-15 an ordinary user gets the same answer before and after copy-up',
    lower: [
      'file root 0644 = r; file secret 0600 = s; file mine 0600 uid=1000 gid=1000 = m; file group 0660 gid=2000 = g; dir closed 0700; file closed/x; dir shut 0744; file shut/x',
    ],
    run: `
      su 1000:1000
      read root -> "r"
      write root "x" -> EACCES
      read secret -> EACCES
      read mine -> "m"
      read group -> EACCES
      read closed/x -> EACCES
      ls closed -> EACCES
      ls shut -> x
      read shut/x -> EACCES
      chmod root 0666 -> EPERM
      chown mine 0:0 -> EPERM
      utimes root now now -> EACCES
      utimes root 1 1 -> EPERM
      write mine "M"
      create new -> EACCES
      unlink mine -> EACCES
      setx root user.k "v" -> EACCES
      truncate root 0 -> EACCES
      access root w -> EACCES
      access mine rw
      su 1000:1000 2000
      read group -> "g"
      write group "G"
      su 0:0
      chown root 0:1
      chown secret 1:0
      su 1000:1000
      write root "x" -> EACCES
      read secret -> EACCES
      read mine -> "M"`,
    view: `file root gid=1 = r; file secret 0600 uid=1 = s; file mine 0600 uid=1000 gid=1000 = M; file group 0660 gid=2000 = G
      dir closed 0700; file closed/x; dir shut 0744; file shut/x`,
    needsKernel: true,
  },
  {
    name: 'new objects belong to who made them, with umask',
    lower: ['dir d 0777'],
    run: `
      su 1000:1001
      umask 027
      put d/f "x"
      mkdir d/s 0777
      symlink t d/l
      mknod d/p fifo 0666
      create d/m 0666
      mknod d/dev chr 0600 1:3 -> EPERM`,
    view: `dir d 0777; file d/f 0640 uid=1000 gid=1001 = x; dir d/s 0750 uid=1000 gid=1001; symlink d/l uid=1000 gid=1001 -> t
      fifo d/p 0640 uid=1000 gid=1001; file d/m 0640 uid=1000 gid=1001`,
    needsKernel: true,
    differs: { 'fuse-native': unsupported.caller.reason },
  },
  {
    name: 'in a setgid directory new objects get its group, new directories its setgid bit, lower or upper',
    lower: ['dir d 02777 gid=50'],
    upper: 'dir u 02777 gid=60',
    run: `
      su 1000:1001
      put d/f "x"
      mkdir d/s
      mkdir d/s/t
      symlink t d/l
      put u/f "x"
      mknod u/p fifo
      create d/sg 02775`,
    view: `dir d 02777 gid=50; file d/f uid=1000 gid=50 = x; dir d/s 02755 uid=1000 gid=50; dir d/s/t 02755 uid=1000 gid=50; symlink d/l uid=1000 gid=50 -> t
      dir u 02777 gid=60; file u/f uid=1000 gid=60 = x; fifo u/p uid=1000 gid=60; file d/sg 0755 uid=1000 gid=50`,
    needsKernel: true,
    differs: { 'fuse-native': unsupported.caller.reason },
  },
  {
    name: 'who asks for the mode alone sees it without setuid after a write, fallocate and a copy',
    lower: ['file w 06777 = 1; file f 06777 = 1; file c 06777 = 1; file r 06777 = 1'],
    upper: 'file uw 06777 = 1; file uf 06777 = 1',
    run: `
      s = open r rw
      fallocate s plain 0 100
      modealone r -> 06777
      su 1000:1000
      modealone w -> 06777
      write w "2"
      modealone w -> 0777
      write uw "2"
      modealone uw -> 0777
      g = open f rw
      fallocate g plain 0 100
      modealone f -> 0777
      h = open uf rw
      fallocate h plain 0 100
      modealone uf -> 0777
      i = open c rw
      copyrange g 0 i 0 1 -> 1
      modealone c -> 0777
      close g
      close h
      close i
      close s
      su 0:0`,
    needsKernel: true,
    differs: { 'fuse-native': unsupported.fallocate.reason },
  },
  {
    name: 'who asks for the mode alone sees it without setuid after a direct write',
    lower: ['file d 06777 pattern=1:4096'],
    run: `
      su 1000:1000
      modealone d -> 06777
      e = open d rw direct
      pwrite e 0 pattern:2:4096 -> 4096
      modealone d -> 0777
      close e
      su 0:0`,
    needsKernel: true,
    differs: { kernel: 'ext4 wants the memory of direct writes aligned, which this client does not do' },
  },
  {
    name: 'a write by an ordinary user drops setuid and setgid, one by root does not',
    lower: ['file w 06777 = 1; file r 06777 = 1; file t 06777 = 1; file f 06777 = 1'],
    upper: 'file uw 06777 = 1; file ut 06777 = 1',
    run: `
      write r "2"
      get r mode -> 06777
      su 1000:1000
      write w "2"
      truncate t 0
      g = open f rw
      ftruncate g 0
      write uw "2"
      truncate ut 0
      get w mode -> 0777
      get t mode -> 0777
      get f mode -> 0777
      get uw mode -> 0777
      get ut mode -> 0777`,
    needsKernel: true,
  },
  {
    name: 'a write by an ordinary user drops setgid without group execute too',
    lower: ['file locking 02666 = 1'],
    run: 'su 1000:1000\nwrite locking "2"\nget locking mode -> 0666',
    needsKernel: true,
    differs: {
      direct: 'FUSE asks to drop setgid only from files that their group may execute',
      'fuse-native': unsupported.setgid.reason,
    },
  },
  {
    name: 'a chown drops setuid and setgid of files, not of directories',
    lower: ['file x 06755; file n 02644; dir d 06755'],
    run: 'chown x 5:5\nget x mode -> 0755\nchown n 5:5\nget n mode -> 02644\nchown d 5:5\nget d mode -> 06755\nchmod x 06755\nget x mode -> 06755',
  },
  {
    name: 'a chmod by an owner outside the group drops setgid',
    lower: ['file f 0644 uid=1000 gid=50'],
    run: 'su 1000:1000\nchmod f 02755\nget f mode -> 0755\nsu 1000:1000 50\nchmod f 02755\nget f mode -> 02755',
    needsKernel: true,
  },
  {
    name: 'file capabilities are shown, survive copy-up, and are dropped by write, truncate and chown',
    lower: ['file w 0777 = 1; file t 0777 = 1; file o 0755 = 1; file keep 0755 = 1'],
    run: `
      setx w security.capability ${capability}
      setx t security.capability ${capability}
      setx o security.capability ${capability}
      setx keep security.capability ${capability}
      chmod keep 0700
      remount
      listx w -> security.capability
      write w "2"
      listx w -> 
      truncate t 0
      listx t -> 
      chown o 1:1
      listx o -> 
      utimes keep 1 1
      listx keep -> security.capability`,
    needsKernel: true,
  },
  {
    name: 'a file that was found to have no capability can be given one, loses it by a write, and can be given one again',
    lower: ['file low 0755 = 1'],
    run: `
      create new 0755
      write new "1"
      setx new security.capability ${capability}
      listx new -> security.capability
      write new "2"
      listx new -> 
      setx new security.capability ${capability}
      listx new -> security.capability
      getx low security.capability -> ENODATA
      write low "2"
      setx low security.capability ${capability}
      listx low -> security.capability
      write low "3"
      getx low security.capability -> ENODATA`,
    needsKernel: true,
  },
  {
    name: 'xattrs of the user, trusted and security spaces are set, replaced, listed and removed on lower and upper files',
    lower: ['file a xattr:user.low=1 xattr:user.gone=1; dir d; symlink l -> a'],
    upper: 'file u xattr:user.up=1',
    run: `
      setx a user.new "n"
      setx a user.low "changed" replace
      setx a user.low "x" create -> EEXIST
      setx a user.nope "x" replace -> ENODATA
      rmx a user.gone
      rmx a user.gone -> ENODATA
      getx a user.gone -> ENODATA
      setx a trusted.t "1"
      setx a security.s "1"
      setx a user.empty ""
      setx d user.d "on a directory"
      setx l user.x "1" -> EPERM
      setx l trusted.x "1"
      setx u user.bin hex:00ff00
      getx u user.bin -> "\\x00\\xff\\x00"
      setx u user.${'k'.repeat(250)} "long name"
      setx u user.${'k'.repeat(251)} "1" -> ERANGE
      setx u nospace.k "1" -> EOPNOTSUPP
      getx a user.low -> "changed"
      listx a -> security.s trusted.t user.empty user.low user.new`,
    view: `file a xattr:security.s=1 xattr:trusted.t=1 xattr:user.empty= xattr:user.low=changed xattr:user.new=n; dir d xattr:user.d=on\\x20a\\x20directory
      symlink l xattr:trusted.x=1 -> a; file u xattr:user.bin=\\x00\\xff\\x00 xattr:user.up=1 xattr:user.${'k'.repeat(250)}=long\\x20name`,
  },
  {
    name: 'trusted xattrs are for root alone, user ones for who may write',
    lower: ['file a 0666 xattr:trusted.t=1 xattr:user.u=1; file r 0644'],
    run: `
      su 1000:1000
      listx a -> user.u
      getx a trusted.t -> ENODATA
      setx a trusted.n "1" -> EPERM
      setx a user.n "1"
      setx r user.n "1" -> EACCES
      getx a user.n -> "1"`,
    needsKernel: true,
    differs: { 'fuse-native': unsupported.callerRights.reason },
  },
  {
    name: 'an access ACL decides, moves with the mode and survives copy-up',
    lower: ['file a 0640 uid=5 acl=u::rw-,u:1000:r--,g::---,m::rw-,o::--- = x; file b 0600 = y'],
    run: `
      get a mode -> 0660
      su 1000:1000
      read a -> "x"
      write a "z" -> EACCES
      su 0:0
      setacl a u::rw-,u:1000:rw-,g::---,m::rw-,o::---
      su 1000:1000
      write a "z"
      read b -> EACCES
      su 0:0
      setacl b u::rw-,u:1000:r--,g::r--,m::r--,o::---
      get b mode -> 0640
      su 1000:1000
      read b -> "y"
      su 0:0
      chmod b 0600
      getacl b -> u::rw-,u:1000:r--,g::r--,m::---,o::---
      su 1000:1000
      read b -> EACCES`,
    view: `file a 0660 uid=5 acl=u::rw-,u:1000:rw-,g::---,m::rw-,o::--- = z
      file b 0600 acl=u::rw-,u:1000:r--,g::r--,m::---,o::--- = y`,
    needsKernel: true,
    differs: { 'fuse-native': unsupported.acl.reason },
  },
  {
    name: 'an ACL that says no more than the mode is not kept',
    lower: ['file a'],
    upper: 'file u',
    run: 'setacl a u::rwx,g::r-x,o::---\nget a mode -> 0750\nlistx a -> \nsetacl u u::r--,g::---,o::---\nget u mode -> 0400\nlistx u -> ',
    needsKernel: true,
  },
  {
    name: 'a default ACL is inherited by files, directories and FIFOs, without the umask',
    lower: ['dir d 0755 default-acl=u::rwx,u:1000:rwx,g::r-x,m::rwx,o::---'],
    upper: 'dir u',
    run: `
      umask 077
      create d/f 0666
      mkdir d/s 0777
      mknod d/p fifo 0644
      symlink x d/l
      setacl u u::rwx,g::rwx,o::r-x default
      create u/f 0666
      mkdir u/s 0777
      create d/s/deep 0600`,
    view: `dir d default-acl=u::rwx,u:1000:rwx,g::r-x,m::rwx,o::---
      file d/f 0660 acl=u::rw-,u:1000:rwx,g::r-x,m::rw-,o::---
      dir d/s 0770 acl=u::rwx,u:1000:rwx,g::r-x,m::rwx,o::--- default-acl=u::rwx,u:1000:rwx,g::r-x,m::rwx,o::---
      fifo d/p 0640 acl=u::rw-,u:1000:rwx,g::r-x,m::r--,o::---
      symlink d/l -> x
      dir u default-acl=u::rwx,g::rwx,o::r-x
      file u/f 0664
      dir u/s 0775 default-acl=u::rwx,g::rwx,o::r-x
      file d/s/deep 0600 acl=u::rw-,u:1000:rwx,g::r-x,m::---,o::---`,
    needsKernel: true,
    differs: { 'fuse-native': unsupported.acl.reason },
  },
  {
    name: 'the root of the view has the mode and owner of the topmost layer and can be changed',
    lower: ['dir . 0711 uid=3 gid=4 xattr:user.r=1; file a'],
    upper: 'dir . 0755',
    run: 'chmod . 0750\nchown . 1:2\nsetx . user.k "v"\nget . owner -> 1:2',
    view: 'dir . 0750 uid=1 gid=2 xattr:user.k=v; file a',
  },
];
