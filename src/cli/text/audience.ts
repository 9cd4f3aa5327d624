import { visible } from './visible.ts';

/** Which sites a bundle is for, as one line; none when it is for every site. */
export function audienceLines(audience: readonly string[] | undefined): string[] {
  return audience === undefined ? [] : [visible(`For ${audience.join(', ')} only.`)];
}
