/** xxHash64: checksums of files that only this program writes (indexes). Not for digests: anyone can make two inputs collide. */

import xxhash from 'xxhash-wasm';

const wasm = await xxhash();
const pieceBytes = 1024 * 1024;

/** The hash of `bytes`, in pieces: given whole, the wasm memory would grow to their size and stay so. */
export function xxhash64(bytes: Uint8Array): bigint {
  const hash = wasm.create64();
  for (let at = 0; at < bytes.length; at += pieceBytes) hash.update(bytes.subarray(at, at + pieceBytes));
  return hash.digest();
}
