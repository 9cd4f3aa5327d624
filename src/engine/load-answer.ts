import type { Readable } from 'node:stream';
import * as z from 'zod';
import { PackferryError } from '../core/errors.ts';
import { engineWords, hintFor, saysFull } from './engine-words.ts';
import { readNdjson } from './ndjson.ts';

const event = z.object({
  stream: z.string().exactOptional(),
  error: z.string().exactOptional(),
  errorDetail: z.object({ message: z.string().exactOptional() }).exactOptional(),
});

/**
 * Reads the answer to `POST /images/load` to its end. Docker answers 200 before it knows how the load will go: a
 * failure is an error line, or plain text after the words of success. Resolves when the engine said that it loaded
 * and nothing to the contrary; that is its word only, and has to be confirmed. Errors: `E_LOAD_FAILED`, `E_TARGET_FULL`,
 * `E_ENGINE_PROTOCOL`; faults of the stream are thrown as they are. `onLine` is called with every line.
 */
export async function readLoadAnswer(
  answer: Readable,
  image: string,
  onLine: () => void = () => undefined,
): Promise<void> {
  let loaded = false;
  for await (const line of readNdjson(answer, { name: `${image}: loading` })) {
    onLine();
    if (line.kind === 'junk') throw notAnEvent(image, line.text);
    const parsed = event.safeParse(line.value);
    if (!parsed.success) throw notAnEvent(image, JSON.stringify(line.value));
    const { stream = '', error, errorDetail } = parsed.data;
    if (error !== undefined || errorDetail !== undefined) {
      throw loadFailed(image, errorDetail?.message ?? error ?? '');
    }
    // The containerd store says this after "Loaded image".
    if (/^\s*Error unpacking/i.test(stream)) throw loadFailed(image, stream);
    if (/^\s*Loaded image/.test(stream)) loaded = true;
  }
  if (!loaded) {
    throw new PackferryError(
      'E_LOAD_FAILED',
      `${image}: the engine ended its answer without saying that it loaded the image`,
      { hint: "Look into the engine's log, then run again." },
    );
  }
}

/** The error for an engine that refused an image in its own words: `E_LOAD_FAILED`, or `E_TARGET_FULL`. */
export function loadFailed(image: string, words: string): PackferryError {
  const hint = hintFor(words);
  const code = saysFull(words) ? 'E_TARGET_FULL' : 'E_LOAD_FAILED';
  return new PackferryError(code, `${image}: not loaded; the engine said: ${engineWords(words)}`, {
    ...(hint === undefined ? {} : { hint }),
  });
}

function notAnEvent(image: string, text: string): PackferryError {
  return new PackferryError(
    'E_ENGINE_PROTOCOL',
    `${image}: the engine answered the load with something that is no progress line: ${engineWords(text)}`,
    { hint: 'Is this the socket of Docker or Podman, without a proxy in between?' },
  );
}
