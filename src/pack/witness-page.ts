import { isDigest, type Digest } from '../core/digest.ts';

/** What a page of dockerfiles-info says of one tag. */
export interface WitnessPage {
  /** The digest of the image's config. */
  readonly imageId: Digest | undefined;
  /** The digest of the manifest that the vendor signed; older pages have none. */
  readonly manifest: Digest | undefined;
}

/**
 * Reads a page of demisto/dockerfiles-info, `demisto/IMAGE/TAG.md`. Undefined when it speaks of another image than
 * `familiar` (`demisto/IMAGE:TAG`): `last.md` and the like are copies of other pages.
 */
export function readWitnessPage(text: string, familiar: string, tag: string): WitnessPage | undefined {
  const lines = text.split(/\r?\n/);
  const title = lines.find((line) => line.startsWith('# '));
  if (title !== `# \`${familiar}\``) return undefined;
  const imageId = lines.map((line) => /^- Image ID: `([^`]*)`\s*$/.exec(line)?.[1]).find(isText);
  return {
    imageId: imageId !== undefined && isDigest(imageId) ? imageId : undefined,
    manifest: signedDigest(lines, tag),
  };
}

/** The row of the tag in the table of signed tags, below the heading "Docker Trust": tag, 64 hex digits, signers. */
function signedDigest(lines: readonly string[], tag: string): Digest | undefined {
  const start = lines.findIndex((line) => line.startsWith('## Docker Trust'));
  if (start < 0) return undefined;
  const length = lines.slice(start + 1).findIndex((line) => line.startsWith('## '));
  const section = length < 0 ? lines.slice(start + 1) : lines.slice(start + 1, start + 1 + length);
  for (const line of section) {
    const [name, hex = ''] = line.trim().split(/\s+/);
    const digest = `sha256:${hex}`;
    if (name === tag && isDigest(digest)) return digest;
  }
  return undefined;
}

function isText(text: string | undefined): text is string {
  return text !== undefined;
}
