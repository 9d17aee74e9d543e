/** podman with a storage of its own, plyfs as its mount program or the kernel's overlay; as root, or as an ordinary user with sub-ids, who
 *  is made by mounts over /etc/passwd that nobody else sees. Nothing of it is left when the stage is removed. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const program = fileURLToPath(new URL('../../../bin/plyfs', import.meta.url));

const user = 64_321;

/** Why podman cannot run here, or false. `programs`: what is needed besides. */
export function cannotPodman(...programs: string[]): string | false {
  if (process.geteuid?.() !== 0) return 'needs root';
  if (!existsSync('/dev/fuse')) return 'needs /dev/fuse';
  const needed = ['podman', 'runc', 'conmon', 'busybox', ...programs];
  const missing = needed.find((name) => spawnSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' }).status !== 0);
  return missing === undefined ? false : `needs ${missing} (scripts/setup installs it)`;
}

export interface PodmanEnded {
  status: number | null;
  stdout: string;
  stderr: string;
}

export class PodmanStage {
  readonly path = mkdtempSync(join(tmpdir(), 'plyfs-podman-'));

  /** `mountProgram` undefined: the kernel's overlay. */
  constructor(
    mountProgram: string | undefined,
    private readonly isRootless = false,
  ) {
    const at = (name: string): string => join(this.path, name);
    const option = mountProgram === undefined ? '' : `--storage-opt overlay.mount_program=${mountProgram}`;
    writeFileSync(at('containers.conf'), '[containers]\ndefault_ulimits = []\n');
    writeFileSync(
      at('podman'),
      `#!/bin/sh
exec podman --root ${at('own/storage')} --runroot ${at('own/run')} --tmpdir ${at('own/tmp')} --storage-driver overlay ${option} \\
  --runtime "$(command -v runc)" --cgroup-manager cgroupfs --events-backend file "$@"\n`,
      { mode: 0o755 },
    );
    for (const name of ['own', 'own/xdg']) mkdirSync(at(name), { mode: 0o700 });
    chmodSync(this.path, 0o755);
    // `containers` is whose ids podman hands out to root for --userns=auto.
    writeFileSync(at('subids'), 'plyfs-test:200000:65536\ncontainers:2147483647:2147483648\n');
    if (isRootless) this.makeUser();
  }

  private makeUser(): void {
    for (const name of ['own', 'own/xdg']) chownSync(join(this.path, name), user, user);
    for (const [file, line] of [
      ['passwd', `plyfs-test:x:${user}:${user}::${this.path}/own:/bin/sh`],
      ['group', `plyfs-test:x:${user}:`],
    ] as const) {
      writeFileSync(join(this.path, file), `${readFileSync(`/etc/${file}`, 'utf8').trimEnd()}\n${line}\n`);
    }
  }

  /** A script with `podman` as a command, `$STAGE` the stage, in a directory of its own. */
  sh(script: string, limitSec = 120): PodmanEnded {
    writeFileSync(join(this.path, 'script'), `cd own; podman() { ${this.path}/podman "$@"; }\n${script}`);
    const own = join(this.path, 'own');
    const env = {
      ...process.env,
      STAGE: this.path,
      HOME: own,
      XDG_RUNTIME_DIR: join(own, 'xdg'),
      CONTAINERS_CONF: join(this.path, 'containers.conf'),
    };
    const ended = spawnSync('timeout', [String(limitSec), 'unshare', '-m', 'sh', '-c', this.entry()], {
      cwd: this.path,
      env,
      encoding: 'utf8',
    });
    return { status: ended.status, stdout: ended.stdout, stderr: ended.stderr };
  }

  /** The stage's own /etc files and, for the user, a /dev/fuse that is open to all, as udev makes it. */
  private entry(): string {
    const subids = 'for file in /etc/subuid /etc/subgid; do [ -e $file ] || : > $file; mount --bind subids $file || exit 1; done';
    if (!this.isRootless) return `${subids}; exec sh script`;
    return `${subids}; mount --bind passwd /etc/passwd && mount --bind group /etc/group && { [ -e fuse ] || mknod fuse c 10 229; } && chmod 666 fuse && mount --bind fuse /dev/fuse &&
      exec setpriv --reuid=${user} --regid=${user} --clear-groups sh script`;
  }

  /** Runs what must succeed. */
  ok(script: string, limitSec?: number): string {
    const ended = this.sh(script, limitSec);
    assert.equal(ended.status, 0, `${script}\n${ended.stdout}${ended.stderr}`);
    return ended.stdout;
  }

  /** The stored image `base`: busybox, a /home/u of 1000:1000, a file of 7:8. */
  importBase(): void {
    const made = spawnSync(
      'sh',
      [
        '-ec',
        `mkdir -p base/bin base/etc base/proc base/sys base/dev base/tmp base/home/u; cp "$(command -v busybox)" base/bin/busybox
        for name in sh ls stat id cat chown mkdir touch rm ln mv; do ln -s busybox base/bin/$name; done
        printf 'root:x:0:0::/:/bin/sh\\nu:x:1000:1000::/home/u:/bin/sh\\n' > base/etc/passwd; printf 'root:x:0:\\nu:x:1000:\\n' > base/etc/group
        chmod 1777 base/tmp; chown 1000:1000 base/home/u; chown 7:8 base/etc/group; tar -C base -cf base.tar .; chmod 644 base.tar`,
      ],
      { cwd: this.path, encoding: 'utf8' },
    );
    assert.equal(made.status, 0, made.stderr);
    this.ok('podman import -q - base < ../base.tar');
  }

  /** Directories of layers that the storage keeps, and mounts of the stage that are left. */
  left(): { layers: number; mounts: string[] } {
    const overlay = join(this.path, 'own/storage/overlay');
    const layers = readdirSync(overlay).filter((name) => /^[0-9a-f]{64}$/.test(name));
    return { layers: layers.length, mounts: mountsBelow(join(overlay, '')) };
  }

  /** Ends podman's pause process, unmounts and removes. */
  remove(): void {
    const pause = join(this.path, 'own/tmp/pause.pid');
    if (existsSync(pause)) this.sh('podman system migrate; kill "$(cat tmp/pause.pid)" 2>/dev/null || true');
    for (const target of mountsBelow(this.path).reverse()) spawnSync('umount', ['-l', target]);
    rmSync(this.path, { recursive: true, force: true });
  }
}

function mountsBelow(path: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.map((line) => line.split(' ')[4] ?? '').filter((target) => target.startsWith(path));
}
