import type { Readable } from 'node:stream';
import * as z from 'zod';
import { PackferryError } from '../core/errors.ts';
import { buildFailed, BuildTail } from './build-image.ts';
import { engineWords } from './engine-words.ts';
import { readNdjson } from './ndjson.ts';

const event = z.object({
  stream: z.string().nullish(),
  status: z.string().nullish(),
  error: z.string().nullish(),
  errorDetail: z.object({ message: z.string().nullish() }).nullish(),
  aux: z.unknown().optional(),
});

const builtId = z.object({ ID: z.string().regex(/^(?:sha256:)?[0-9a-f]{64}$/) });

/**
 * Reads the answer to `POST /build` to its end: lines of JSON with what was printed, the ID of the image among them, or why it
 * failed, all under status 200. Returns the ID, or as much of it as old versions of Podman tell. Errors: `E_BUILD_FAILED`,
 * `E_TARGET_FULL`, `E_ENGINE_PROTOCOL`; faults of the stream are thrown as they are.
 */
export async function readBuildAnswer(
  answer: Readable,
  image: string,
  onLine: (line: string) => void,
): Promise<string> {
  const tail = new BuildTail(onLine);
  let id: string | undefined;
  for await (const line of readNdjson(answer, { name: `${image}: building` })) {
    const parsed = event.safeParse(line.kind === 'value' ? line.value : undefined);
    if (!parsed.success) {
      const text = line.kind === 'junk' ? line.text : JSON.stringify(line.value);
      throw new PackferryError(
        'E_ENGINE_PROTOCOL',
        `${image}: the engine answered the build with something that is no progress line: ${engineWords(text)}`,
        { hint: 'Is this the socket of Docker or Podman, without a proxy in between?' },
      );
    }
    const { stream, status, error, errorDetail, aux } = parsed.data;
    if (typeof error === 'string' || (errorDetail ?? undefined) !== undefined)
      throw buildFailed(image, errorDetail?.message ?? error ?? '', tail.end());
    if (typeof stream === 'string') {
      tail.take(stream);
      const [, short] = /^Successfully built ([0-9a-f]{12,64})\s*$/m.exec(stream) ?? [];
      id ??= short;
    }
    if (typeof status === 'string') tail.take(`${status}\n`);
    const told = builtId.safeParse(aux);
    if (told.success) id = told.data.ID;
  }
  const last = tail.end();
  if (id !== undefined) return id;
  throw buildFailed(image, 'it ended its answer without the ID of an image', last);
}
