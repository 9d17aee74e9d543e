/** Makes a process believe in an older kernel: `node --import dist/test/support/old-kernel.js` refuses, with the errno in PLYFS_TEST_REFUSE, the
 *  calls below to the main thread (a seccomp filter; needs no rights). */

import koffi from 'koffi';

/** copy_file_range, open_tree, openat2, fchmodat2, getxattrat, listxattrat. */
const refused = [process.arch === 'arm64' ? 285 : 326, 428, 437, 452, 464, 465];

const BPF_LOAD_WORD = 0x20;
const BPF_JUMP_EQUAL = 0x15;
const BPF_RETURN = 0x06;
const SECCOMP_RET_ALLOW = 0x7fff0000;
const SECCOMP_RET_ERRNO = 0x00050000;

const PR_SET_SECCOMP = 22;
const PR_SET_NO_NEW_PRIVS = 38;

/** struct sock_filter: u16 code, u8 jump if true, u8 jump if false, u32 operand. */
function instruction(code: number, operand: number, ifFalse = 0): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(ifFalse, 3);
  bytes.writeUInt32LE(operand, 4);
  return bytes;
}

function refuse(errno: number): void {
  const filter = Buffer.concat([
    instruction(BPF_LOAD_WORD, 0),
    ...refused.flatMap((number) => [instruction(BPF_JUMP_EQUAL, number, 1), instruction(BPF_RETURN, SECCOMP_RET_ERRNO | errno)]),
    instruction(BPF_RETURN, SECCOMP_RET_ALLOW),
  ]);
  // struct sock_fprog: u16 count, padding, pointer.
  const program = Buffer.alloc(16);
  program.writeUInt16LE(filter.length / 8, 0);
  program.writeBigUInt64LE(koffi.address(filter), 8);
  const library = koffi.load('libc.so.6');
  const prctl = library.func('int prctl(int, uint64_t, void *, uint64_t, uint64_t)');
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, null, 0, 0) !== 0) throw new Error(`no_new_privs: errno ${koffi.errno()}`);
  if (prctl(PR_SET_SECCOMP, 2, program, 0, 0) !== 0) throw new Error(`seccomp: errno ${koffi.errno()}`);
}

const errno = Number(process.env.PLYFS_TEST_REFUSE);
if (errno > 0) refuse(errno);
