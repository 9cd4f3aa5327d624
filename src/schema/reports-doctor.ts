import * as z from 'zod';
import { size } from './parts.ts';
import { reportVersion } from './versions.ts';

/** One thing that was looked at. `info` is neither good nor bad. */
export const doctorCheck = z.object({
  /** What was looked at, e.g. `state-folder`. */
  id: z.string(),
  state: z.enum(['ok', 'info', 'warn', 'fail']),
  message: z.string(),
  hint: z.string().exactOptional(),
  /** Of the error that a command would end with; with `fail` only. */
  code: z.string().exactOptional(),
});

/** An engine that was asked. */
export const doctorEngine = z.object({
  /** As it was given, or tried by itself: `docker:`. */
  endpoint: z.string(),
  /** Where that leads to; absent when it leads nowhere. */
  name: z.string().exactOptional(),
  /** By which variable or context it was found; absent: by its usual place, or as given. */
  foundBy: z.string().exactOptional(),
  /** How it was reached over SSH. */
  way: z.string().exactOptional(),
  /** The rest is absent for an engine that did not answer. */
  product: z.enum(['docker', 'podman']).exactOptional(),
  version: z.string().exactOptional(),
  apiVersion: z.string().exactOptional(),
  store: z.enum(['classic', 'containerd', 'podman']).exactOptional(),
  driver: z.string().exactOptional(),
  rootless: z.boolean().exactOptional(),
  /** OS and architecture that run without emulation. */
  platform: z.string().exactOptional(),
  dataRoot: z.string().exactOptional(),
  /** Free bytes on the disk of its images; absent where that cannot be told. */
  freeBytes: size.exactOptional(),
  /** Layers in zstd can be loaded. */
  zstdLayers: z.boolean().exactOptional(),
});

/** What `doctor --json` prints. */
export const doctorReport = z.object({
  schemaVersion: z.literal(reportVersion),
  checks: z.array(doctorCheck),
  engines: z.array(doctorEngine),
});

export type DoctorCheck = z.infer<typeof doctorCheck>;
export type DoctorEngine = z.infer<typeof doctorEngine>;
export type DoctorReport = z.infer<typeof doctorReport>;
