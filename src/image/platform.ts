// Platforms as `os/architecture[/variant]` (image-spec, image-index.md; containerd's normalisation).
import { ShipperError } from '../core/errors.ts';
import type { Platform } from './image.ts';

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  i386: '386',
  armhf: 'arm',
  armel: 'arm',
};

/** Parses `linux/amd64`, `linux/arm64/v8`, or an architecture alone; `USAGE` for anything else. */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split('/');
  if (!/^[a-z0-9_.-]+(?:\/[a-z0-9_.-]+){0,2}$/.test(text.toLowerCase())) {
    throw new ShipperError(
      'USAGE',
      `Cannot use platform ${JSON.stringify(text)}: it is not of the form os/architecture[/variant]`,
    );
  }
  const [os = 'linux', architecture, variant] = parts.length === 1 ? ['linux', parts[0]] : parts;
  return normalPlatform({
    os,
    architecture: architecture ?? '',
    ...(variant === undefined ? {} : { variant }),
  });
}

/** The form in which platforms are compared: `aarch64` is `arm64`, and arm64 is `v8` unless it says otherwise. */
export function normalPlatform(platform: Platform): Platform {
  const architecture = ARCHITECTURES[platform.architecture] ?? platform.architecture;
  const variant =
    architecture === 'arm64' && platform.variant === 'v8' ? undefined : platform.variant;
  return {
    os: platform.os,
    architecture,
    ...(variant === undefined || variant === '' ? {} : { variant }),
    ...(platform.osVersion === undefined ? {} : { osVersion: platform.osVersion }),
  };
}

/** Whether an image of platform `have` is one for `want`; a variant that is not asked for does not matter. */
export function matchesPlatform(have: Platform, want: Platform): boolean {
  const a = normalPlatform(have);
  const b = normalPlatform(want);
  if (a.os !== b.os || a.architecture !== b.architecture) return false;
  return b.variant === undefined || a.variant === b.variant;
}

/** `linux/arm64/v8`. */
export function formatPlatform(platform: Platform): string {
  const base = `${platform.os}/${platform.architecture}`;
  return platform.variant === undefined ? base : `${base}/${platform.variant}`;
}

/** Whether two images are of one platform: what one of them leaves out, as an index and a configuration may, is no difference. */
export function isSamePlatform(a: Platform, b: Platform): boolean {
  const one = normalPlatform(a);
  const two = normalPlatform(b);
  return (
    one.os === two.os &&
    one.architecture === two.architecture &&
    (isMissing(a.variant, b.variant) || one.variant === two.variant) &&
    (isMissing(a.osVersion, b.osVersion) || one.osVersion === two.osVersion)
  );
}

function isMissing(a: string | undefined, b: string | undefined): boolean {
  return a === undefined || b === undefined;
}
