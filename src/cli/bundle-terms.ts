import { Option } from 'commander';
import { parseDuration } from '../core/duration.ts';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import { siteNamePattern } from '../core/names.ts';
import type { ExportManifest } from '../flows/manifest.ts';
import { collectValues } from './options.ts';

/** For whom a bundle is and how long it counts, as the command line says it. */
export interface TermsOptions {
  readonly audience?: readonly string[];
  readonly expiresAfter?: string;
}

/** `--audience SITE`. */
export function audienceOption(preset: string): Option {
  return new Option(
    '--audience <site>',
    `only this site may import the bundle; it says its name with --site or in /etc/packferry/site (repeatable) (default: ${preset}every site)`,
  ).argParser(collectValues);
}

/** `--expires-after SPAN`. */
export function expiresAfterOption(preset: string): Option {
  return new Option(
    '--expires-after <span>',
    `how long the bundle may be imported, in hours, days or weeks, as 90d (default: ${preset}for ever)`,
  );
}

/** The part of a manifest that these options say. Throws `E_USAGE`. */
export function termsOf({
  audience,
  expiresAfter,
}: TermsOptions): Pick<ExportManifest, 'audience' | 'expiresAfter'> {
  return {
    ...(audience === undefined ? {} : { audience: [...new Set(audience.map(siteOf))] }),
    ...(expiresAfter === undefined ? {} : { expiresAfter: spanOf(expiresAfter) }),
  };
}

function siteOf(name: string): string {
  if (siteNamePattern.test(name)) return name;
  throw new PackferryError('E_USAGE', `--audience: ${JSON.stringify(name)} is no name of a site`, {
    hint: 'A site is named in lower-case letters, digits, dot, dash and underscore, for instance site-a. Several sites: repeat --audience.',
  });
}

function spanOf(text: string): number {
  try {
    return parseDuration(text);
  } catch (fault) {
    const error = asPackferryError(fault);
    throw error.with(`--expires-after: ${error.message}`);
  }
}
