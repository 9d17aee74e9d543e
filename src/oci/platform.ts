/** Platforms and the choice among an index's manifests (O-3; OCI image-index.md; the words of containerd's platforms package). */

import { PlyfsError } from '../base/errors.js';
import type { JsonObject } from './json.js';

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly osVersion?: string;
}

export function platformFrom(object: JsonObject): Platform {
  const variant = object.optionalText('variant');
  const osVersion = object.optionalText('os.version');
  return {
    // Empty means what goes without saying, as for containerd.
    os: object.optionalText('os') || 'linux',
    architecture: object.optionalText('architecture') || 'unknown',
    ...(variant === undefined || variant === '' ? {} : { variant }),
    ...(osVersion === undefined || osVersion === '' ? {} : { osVersion }),
  };
}

/** `linux/arm64/v8`; parts that are absent are left out. */
export function platformText(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant].filter((part) => part !== undefined).join('/');
}

const architectureWords = new Map([
  ['x86_64', 'amd64'],
  ['x86-64', 'amd64'],
  ['x64', 'amd64'],
  ['aarch64', 'arm64'],
  ['i386', '386'],
  ['ia32', '386'],
  ['armhf', 'arm'],
  ['ppc64', 'ppc64le'],
]);

/** `os/architecture[/variant]`, or an architecture alone (then linux). PlyfsError `bad-platform` for anything else. */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split('/');
  if (parts.length > 3 || parts.some((part) => !/^[a-z0-9_.-]+$/.test(part))) {
    throw new PlyfsError(
      'bad-platform',
      `"${text}" is not a platform: write os/architecture or os/architecture/variant, as linux/arm64/v8`,
    );
  }
  const [os, architecture, variant] = parts.length === 1 ? ['linux', parts[0]!] : [parts[0]!, parts[1]!, parts[2]];
  return normalize({ os, architecture, ...(variant === undefined ? {} : { variant }) });
}

/** The platform of this machine. */
export function hostPlatform(): Platform {
  return normalize({ os: 'linux', architecture: process.arch });
}

/** One spelling for each platform: aarch64 is arm64, v8 of arm64 and v1 of amd64 go without saying, arm alone is v7. */
function normalize(platform: Platform): Platform {
  const architecture = architectureWords.get(platform.architecture) ?? platform.architecture;
  const implied = architecture === 'arm64' ? 'v8' : architecture === 'amd64' ? 'v1' : undefined;
  const variant = platform.variant ?? (architecture === 'arm' ? 'v7' : undefined);
  return {
    os: platform.os,
    architecture,
    ...(variant === undefined || variant === implied ? {} : { variant }),
    ...(platform.osVersion === undefined ? {} : { osVersion: platform.osVersion }),
  };
}

/** How well `offered` runs where `wanted` is asked for: undefined not at all, 0 exactly, more for an older variant. */
export function platformDistance(wanted: Platform, offered: Platform): number | undefined {
  const want = normalize(wanted);
  const offer = normalize(offered);
  if (want.os !== offer.os || want.architecture !== offer.architecture) return undefined;
  if (want.osVersion !== undefined && offer.osVersion !== undefined && want.osVersion !== offer.osVersion) return undefined;
  if (want.variant === offer.variant) return 0;
  const distance = variantNumber(want) - variantNumber(offer);
  return distance > 0 ? distance : undefined;
}

function variantNumber(platform: Platform): number {
  const base = platform.architecture === 'arm64' ? 8 : 1;
  return Number(/^v(\d+)$/.exec(platform.variant ?? '')?.[1] ?? base);
}

/** What the choice looks at in a descriptor of an index. */
export interface Offered {
  readonly digest: string;
  readonly platform?: Platform;
  readonly annotations?: ReadonlyMap<string, string>;
}

/** Attestations and the like ride in an index as manifests of platform unknown/unknown. */
export function isAttestation(descriptor: Offered): boolean {
  return (
    (descriptor.platform?.os === 'unknown' && descriptor.platform.architecture === 'unknown') ||
    descriptor.annotations?.get('vnd.docker.reference.type') === 'attestation-manifest'
  );
}

/** Attestations say `unknown` for both. */
function isUnsaid(platform: Platform | undefined): platform is undefined {
  return platform === undefined || platform.architecture === 'unknown';
}

/** The manifest of an index for `wanted` (undefined: this machine, or the only one there is). PlyfsError `platform` lists what
 *  there is; `what` names the index. */
export function choosePlatform<T extends Offered>(manifests: readonly T[], wanted: Platform | undefined, what: string): T {
  const real = manifests.filter((descriptor) => !isAttestation(descriptor));
  if (wanted === undefined && real.length === 1) return real[0]!;
  let best: T | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const descriptor of real) {
    const distance = isUnsaid(descriptor.platform) ? 1000 : platformDistance(wanted ?? hostPlatform(), descriptor.platform);
    if (distance !== undefined && distance < bestDistance) {
      best = descriptor;
      bestDistance = distance;
    }
  }
  if (best !== undefined) return best;
  const offered = real.map((descriptor) =>
    descriptor.platform === undefined ? descriptor.digest : platformText(descriptor.platform),
  );
  throw new PlyfsError(
    'platform',
    `${what} has no image for ${platformText(wanted ?? hostPlatform())}; it has ${offered.join(', ') || 'none at all'} (choose with --platform)`,
  );
}
