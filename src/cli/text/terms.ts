import { visible } from './visible.ts';

/** For which sites a bundle is and until when it may be imported, a line for each; none where every site may, for ever. */
export function termLines({
  audience,
  expiresAt,
}: {
  readonly audience?: readonly string[] | undefined;
  readonly expiresAt?: string | undefined;
}): string[] {
  return [
    ...(audience === undefined ? [] : [`For ${audience.join(', ')} only.`]),
    ...(expiresAt === undefined ? [] : [`It may be imported until ${expiresAt}.`]),
  ].map(visible);
}
