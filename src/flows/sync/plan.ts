import { parseReference, type ImageReference } from '../../core/reference.ts';
import { defaultPlatform, type Platform } from '../../core/platform.ts';
import { groupsOf, type HeldGroup } from '../inventory/held.ts';
import type { SurveyedHost } from '../inventory/survey.ts';

/** What is to become of one name. */
export interface SyncImage {
  readonly reference: ImageReference;
  /** The image that all hosts are to have; undefined where nobody can say which one. */
  readonly meant: HeldGroup | undefined;
  /** Other images that have the name somewhere. */
  readonly conflicts: readonly HeldGroup[];
  /** Hosts that have no image of the name. */
  readonly lacking: readonly SurveyedHost[];
}

/**
 * Compares what hosts have. With an authority its images count, and no others; without one, what any host has, all are to
 * have, unless the name stands for different images.
 */
export function planSync(
  hosts: readonly SurveyedHost[],
  authority: SurveyedHost | undefined,
): readonly SyncImage[] {
  const asked = authority === undefined || hosts.includes(authority) ? hosts : [authority, ...hosts];
  const names = new Set(
    (authority === undefined ? hosts : [authority]).flatMap(({ images }) => [...images.keys()]),
  );
  return [...names].sort().map((name) => {
    const groups = groupsOf(name, asked);
    const only = groups.length === 1 ? groups[0] : undefined;
    const meant = authority === undefined ? only : groups.find((group) => group.hosts.includes(authority));
    return {
      reference: parseReference(name),
      meant,
      conflicts: groups.filter((group) => group !== meant),
      lacking: hosts.filter(({ images }) => !images.has(name)),
    };
  });
}

/** The host that gives an image: the authority where there is one, else the first that has it. */
export function giverOf({ meant }: SyncImage, authority: SurveyedHost | undefined): SurveyedHost | undefined {
  return authority ?? meant?.hosts[0];
}

/** The platform of an image as the engine tells it. */
export function platformOf({ meant }: SyncImage): Platform {
  return meant?.image.platform ?? defaultPlatform;
}
