import { PackferryError } from '../core/errors.ts';
import { parseMirror } from './load-manifest-registries.ts';

const other = ['docker', 'podman', 'bundle', 'oci', 'ssh'];

/**
 * Reads `from` of an image: `registry://HOST[:PORT][/PREFIX]`, the registry that it is pulled from instead of its own.
 * Returns host and prefix. Throws `E_MANIFEST_INVALID`.
 */
export function parseOrigin(text: string): string {
  const [, scheme = '', rest = ''] = /^([a-z]+):(.*)$/is.exec(text) ?? [];
  if (other.includes(scheme)) {
    throw invalid(`${scheme}: is not supported yet`, 'Only registries can be named here so far.');
  }
  if (scheme !== 'registry' || !rest.startsWith('//'))
    throw invalid(`${JSON.stringify(text)} is no endpoint`);
  return parseMirror(rest.slice(2).replace(/\/$/, ''));
}

function invalid(what: string, more = ''): PackferryError {
  return new PackferryError('E_MANIFEST_INVALID', what, {
    hint: `${more} Write it as registry://HOST[:PORT][/PREFIX], for instance registry://mirror.example/ghcr.`.trim(),
  });
}
