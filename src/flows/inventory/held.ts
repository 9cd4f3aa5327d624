import { isDeepStrictEqual } from 'node:util';
import type { NamedImage } from '../../engine/inspect-all.ts';
import type { SurveyedHost } from './survey.ts';

/** One image that has a name somewhere, and the hosts where it has it. */
export interface HeldGroup {
  readonly image: NamedImage;
  readonly hosts: readonly SurveyedHost[];
}

/** The images that have this name, by what they are, those that most hosts have first. */
export function groupsOf(reference: string, hosts: readonly SurveyedHost[]): readonly HeldGroup[] {
  const groups: { image: NamedImage; images: NamedImage[]; hosts: SurveyedHost[] }[] = [];
  for (const host of hosts) {
    const image = host.images.get(reference);
    if (image === undefined) continue;
    const group = groups.find(({ images }) => images.some((one) => isSame(one, image)));
    if (group === undefined) groups.push({ image, images: [image], hosts: [host] });
    else {
      group.images.push(image);
      group.hosts.push(host);
    }
  }
  return groups.sort((a, b) => b.hosts.length - a.hosts.length);
}

/**
 * Are these the same image? Engines of one kind say so by its ID. Between those that name images by the config and those
 * that name them by the manifest, equal layers and an equal platform have to do.
 */
function isSame(a: NamedImage, b: NamedImage): boolean {
  if (a.idOf === b.idOf) return a.ids.some((id) => b.ids.includes(id));
  return (
    a.layers.length > 0 &&
    isDeepStrictEqual(a.layers, b.layers) &&
    a.platform?.os === b.platform?.os &&
    a.platform?.architecture === b.platform?.architecture
  );
}
