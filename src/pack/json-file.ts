import type * as z from 'zod';
import { messageOf, PackferryError, type ErrorCode } from '../core/errors.ts';
import { parseStrictJson } from '../core/json.ts';

export interface JsonFileOptions {
  /** The file, for messages. */
  readonly name: string;
  /** The code of every error. */
  readonly code: ErrorCode;
  readonly maxBytes: number;
}

const bom = Buffer.from([0xef, 0xbb, 0xbf]);

/** Parses a JSON file that people may have saved with a byte order mark, as editors on Windows do; else strictly. */
export function parseJsonFile(bytes: Uint8Array, { name, code, maxBytes }: JsonFileOptions): unknown {
  const content = bom.equals(bytes.subarray(0, bom.length)) ? bytes.subarray(bom.length) : bytes;
  try {
    return parseStrictJson(content, { name, maxBytes });
  } catch (cause) {
    throw new PackferryError(code, messageOf(cause), { cause });
  }
}

/** The same, and as the schema has it; all that does not fit is in the message, with its place in the file. */
export function readJsonFile<T>(bytes: Uint8Array, schema: z.ZodType<T>, options: JsonFileOptions): T {
  const parsed = schema.safeParse(parseJsonFile(bytes, options));
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path, message }) => {
    return path.length === 0 ? message : `${path.join('.')}: ${message}`;
  });
  throw new PackferryError(options.code, `${options.name}: ${wrong.join('; ')}`, { cause: parsed.error });
}
