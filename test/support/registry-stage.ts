/** Settings of a session that see nothing of this machine, with short waits; and what tests ask of failures. */

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PlyfsError } from '../../src/base/errors.js';
import { defaultLimits, type Limits } from '../../src/base/limits.js';
import type { RegistrySettings } from '../../src/registry/settings.js';

export class RegistryStage {
  readonly path = mkdtempSync(join(tmpdir(), 'plyfs-client-'));

  /** `files` are texts by their path below the stage: `etc/...` or `home/...`. */
  constructor(files: Readonly<Record<string, string>> = {}) {
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  write(name: string, text: string, mode = 0o644): string {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode });
    return path;
  }

  settings(env: RegistrySettings['env'] = {}, limits: Partial<Limits> = {}): RegistrySettings {
    return {
      env: { PATH: process.env.PATH, ...env },
      home: join(this.path, 'home'),
      etc: join(this.path, 'etc'),
      limits: { ...defaultLimits, retryMs: 1, stallMs: 5000, ...limits },
    };
  }

  /** docker's config.json with one user. */
  logIn(authority: string, user: string, secret: string): void {
    const auth = Buffer.from(`${user}:${secret}`).toString('base64');
    this.write('home/.docker/config.json', JSON.stringify({ auths: { [authority]: { auth } } }), 0o600);
  }

  /** Takes all files away. */
  clear(): void {
    this.remove();
    mkdirSync(this.path);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** That `act` fails with a PlyfsError of this code, and one sentence that matches. */
export async function failsWith(code: string, sentence: RegExp, act: () => Promise<unknown>): Promise<PlyfsError> {
  let caught: unknown;
  try {
    await act();
  } catch (error) {
    caught = error;
  }
  assert.ok(caught instanceof PlyfsError, `no PlyfsError but ${caught instanceof Error ? caught.stack : String(caught)}`);
  assert.match(caught.message, sentence);
  assert.equal(caught.code, code, caught.message);
  assert.equal(caught.exitStatus, 1);
  assert.doesNotMatch(caught.message, /\n|undefined|\[object|E[A-Z]{4,}\b.*errno/);
  return caught;
}

export async function collected(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

/** Bytes that differ everywhere, the same for the same seed. */
export function patternBytes(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed;
  for (let at = 0; at + 4 <= size; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes.writeUInt32LE(state, at);
  }
  return bytes;
}

export function uploadOf(bytes: Buffer, digest: string) {
  return {
    digest: digest as import('../../src/base/digest.js').Digest,
    sizeBytes: bytes.length,
    *read(offset: number) {
      for (let at = offset; at < bytes.length; at += 65536) yield bytes.subarray(at, at + 65536);
    },
  };
}
