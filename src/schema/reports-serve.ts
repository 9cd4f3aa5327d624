import * as z from 'zod';
import { size } from './parts.ts';
import { bundleHead, reportVersion, signer, writtenReceipt } from './reports.ts';

const servedBundle = z.object({ ...bundleHead, sumsSha256: z.string(), signers: z.array(signer) });

/** What `serve --json` prints when it was stopped. */
export const serveReport = z.object({
  schemaVersion: z.literal(reportVersion),
  url: z.string(),
  bundles: z.array(servedBundle),
  /** Bundles that lent layers which the others leave out, and of which no image was served; absent when there was none. */
  lenders: z.array(servedBundle).exactOptional(),
  /** The images by the names under which they were served, without host and port. */
  images: z.array(z.string()),
  /** Requests that were answered, those among them that broke off, and the bytes of their bodies. */
  requests: size,
  brokenOff: size,
  bytesSent: size,
  /** Written when it began, one for each bundle. */
  receipts: z.array(writtenReceipt).exactOptional(),
});

export type ServeReport = z.infer<typeof serveReport>;
