/** What an index says of one of its manifests, as far as it tells images from what was hung beside them. */
export interface IndexedEntry {
  readonly annotations?: Readonly<Record<string, string>> | null | undefined;
  readonly platform?: { readonly os: string; readonly architecture: string } | null | undefined;
}

/** BuildKit hangs provenance and SBOMs into the index as manifests of an unknown platform. */
export function isAttestation({ annotations, platform }: IndexedEntry): boolean {
  if (annotations?.['vnd.docker.reference.type'] !== undefined) return true;
  return platform?.os === 'unknown' && platform.architecture === 'unknown';
}
