import { PackferryError } from './errors.ts';

/** What an image runs on, in the words of the OCI image index. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** XSOAR engines are x86_64 Linux hosts. */
export const defaultPlatform: Platform = { os: 'linux', architecture: 'amd64' };

/** Reads `os/architecture[/variant]`; throws `E_PLATFORM_INVALID`. */
export function parsePlatform(text: string): Platform {
  const match = /^([a-z0-9]+)\/([a-z0-9_]+)(?:\/([a-z0-9.]+))?$/.exec(text);
  const [, os, architecture, variant] = match ?? [];
  if (os === undefined || architecture === undefined) {
    throw new PackferryError('E_PLATFORM_INVALID', `${JSON.stringify(text)} is no platform`, {
      hint: 'Write it as os/architecture, for instance linux/amd64.',
    });
  }
  return variant === undefined ? { os, architecture } : { os, architecture, variant };
}

/** Writes a platform as `os/architecture[/variant]`. */
export function formatPlatform(platform: Platform): string {
  const parts = [
    platform.os,
    platform.architecture,
    ...(platform.variant === undefined ? [] : [platform.variant]),
  ];
  return parts.join('/');
}

/** The platform of an index entry or a config, without the null and empty fields that Go programs write. */
export function platformFrom(
  written: { os: string; architecture: string; variant?: string | null | undefined } | null | undefined,
): Platform | undefined {
  if (written === null || written === undefined || written.os === '' || written.architecture === '') {
    return undefined;
  }
  const { os, architecture, variant } = written;
  return typeof variant === 'string' && variant !== '' ? { os, architecture, variant } : { os, architecture };
}

/** Does what an index offers serve what is wanted? A wanted variant must be there; an offered one may be ignored. */
export function platformMatches(offered: Platform, wanted: Platform): boolean {
  return (
    offered.os === wanted.os &&
    offered.architecture === wanted.architecture &&
    (wanted.variant === undefined || offered.variant === wanted.variant)
  );
}

/** Does an image whose config says this run there? Builders often leave the variant out: then the architecture decides. */
export function configFits(config: Platform, wanted: Platform): boolean {
  const { os, architecture, variant = wanted.variant } = config;
  return platformMatches(
    variant === undefined ? { os, architecture } : { os, architecture, variant },
    wanted,
  );
}
