import * as z from 'zod';
import type { DockerApi } from './docker-api.ts';
import { askDocker } from './docker-ask.ts';
import type { EngineFacts } from './docker-facts.ts';

const platformOfMember = z.object({
  os: z.string(),
  architecture: z.string(),
  variant: z.string().nullish(),
});

/** What an engine tells of an image: what packferry needs of it. */
const inspection = z.object({
  Id: z.string().min(1),
  Os: z.string().nullish(),
  Architecture: z.string().nullish(),
  Variant: z.string().nullish(),
  /** Bytes; what is counted differs between engines. */
  Size: z.number().nullish(),
  RootFS: z.object({ Layers: z.array(z.string()).nullish() }).nullish(),
  // From API 1.48 on, and from Docker's containerd store only.
  Manifests: z
    .array(
      z.object({
        Available: z.boolean(),
        Descriptor: z.object({ digest: z.string(), platform: platformOfMember.nullish() }),
        ImageData: z
          .object({
            Platform: platformOfMember.nullish(),
            /** Bytes that the image takes where it is unpacked; 0 where it is not. */
            Size: z.object({ Unpacked: z.number().nullish() }).nullish(),
          })
          .nullish(),
      }),
    )
    .nullish(),
});

export type Inspection = z.infer<typeof inspection>;

/** Inspects an image by name or ID; undefined when the engine has none. Podman's IDs get their algorithm. */
export async function inspectImage(
  api: DockerApi,
  facts: EngineFacts,
  key: string,
  signal?: AbortSignal,
): Promise<Inspection | undefined> {
  const request = {
    path: `/images/${key}/json`,
    ...(facts.idOf === 'manifest' ? { query: { manifests: '1' } } : {}),
    ...(signal === undefined ? {} : { signal }),
  };
  const held = await askDocker(api, request, inspection);
  if (held === undefined) return undefined;
  // Podman leaves the algorithm out in some versions.
  return /^[0-9a-f]{64}$/.test(held.Id) ? { ...held, Id: `sha256:${held.Id}` } : held;
}
