import * as z from 'zod';
import { layoutEntry } from './oci-layout.ts';

// The two documents of what `docker save` and its relatives write. Unknown fields are passed over.

/**
 * Where a layer came from, by its diff ID: Docker's classic store writes it for layers that are kept elsewhere (moby:
 * image/tarexport, layer/filestore.go).
 */
const layerSource = z.object({
  mediaType: z.string().max(256).default(''),
  digest: z.string().max(512).default(''),
  urls: z.array(z.string()).max(100).nullish(),
});

/** An entry of `manifest.json`: one image. Go programs write absent lists as null. */
const saveEntry = z.object({
  Config: z.string().min(1).max(512),
  RepoTags: z.array(z.string().max(1024)).max(10_000).nullish(),
  Layers: z.array(z.string().max(512)).max(500).nullish(),
  LayerSources: z.record(z.string(), layerSource).nullish(),
});

/** `manifest.json`. */
export const saveManifestSchema = z.array(saveEntry).max(10_000);

/** `index.json` of a save. Docker 25 writes null for the list when an image was saved without its name. */
export const saveIndexSchema = z.object({
  schemaVersion: z.literal(2),
  manifests: z.array(layoutEntry).max(10_000).nullish(),
});

export type SaveManifest = z.infer<typeof saveManifestSchema>;
