import type * as z from 'zod';
import { parseStrictJson } from '../core/json.ts';
import { limits } from '../core/limits.ts';

/**
 * An answer of an engine, in the shape that is needed of it. Engines are not trusted: bounded in size, depth and parts, no key
 * twice. Throws `E_JSON_INVALID`, `E_LIMIT_EXCEEDED` or a ZodError, which callers turn into words of their own.
 */
export function parseAnswer<T>(answer: string | Uint8Array, schema: z.ZodType<T>): T {
  const bytes = typeof answer === 'string' ? Buffer.from(answer) : answer;
  return schema.parse(parseStrictJson(bytes, { name: 'the answer', maxBytes: limits.engineAnswer }));
}
