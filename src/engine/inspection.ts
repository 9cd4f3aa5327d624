import * as z from 'zod';

const platformOfMember = z.object({
  os: z.string(),
  architecture: z.string(),
  variant: z.string().nullish(),
});

/** What an engine tells of an image: what packferry needs of it. */
export const inspection = z.object({
  Id: z.string().min(1),
  RepoTags: z.array(z.string()).nullish(),
  Os: z.string().nullish(),
  Architecture: z.string().nullish(),
  Variant: z.string().nullish(),
  /** Bytes; what is counted differs between engines. */
  Size: z.number().nullish(),
  /** The names and digests by which it was pulled, e.g. `demisto/python3@sha256:...`. */
  RepoDigests: z.array(z.string()).nullish(),
  Config: z
    .object({
      User: z.string().nullish(),
      Labels: z.record(z.string(), z.string()).nullish(),
      /** Instructions that run in every image that is built on this one. */
      OnBuild: z.array(z.string()).nullish(),
    })
    .nullish(),
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

/** The same with the algorithm before the ID, which Podman leaves out in some versions. */
export function withAlgorithm(held: Inspection): Inspection {
  return /^[0-9a-f]{64}$/.test(held.Id) ? { ...held, Id: `sha256:${held.Id}` } : held;
}
