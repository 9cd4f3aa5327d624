import { PackferryError } from '../../core/errors.ts';
import type { ImageSource } from '../../core/ports.ts';
import { lockedNameOf, parseReference, type ImageReference } from '../../core/reference.ts';
import type { SurveyedHost } from '../inventory/survey.ts';
import { platformOf, type SyncImage } from './plan.ts';

/**
 * Hosts as one source, each opened once: every image comes from the host that gives it, and has to be the one that was
 * surveyed there. Images are saved where they are resolved, unless `open` gives sources that do not.
 */
export function sourceOfHosts(
  images: readonly SyncImage[],
  giverOf: (image: SyncImage) => SurveyedHost | undefined,
  open: (host: SurveyedHost) => Promise<ImageSource>,
): ImageSource {
  const opened = new Map<SurveyedHost, Promise<ImageSource>>();
  const sourceAt = (host: SurveyedHost): Promise<ImageSource> => {
    const known = opened.get(host) ?? open(host);
    opened.set(host, known);
    return known;
  };
  const byName = new Map(images.map((image) => [lockedNameOf(image.reference), image]));
  const find = (reference: ImageReference): { image: SyncImage; giver: SurveyedHost } => {
    const image = byName.get(lockedNameOf(reference));
    const giver = image === undefined ? undefined : giverOf(image);
    if (image !== undefined && giver !== undefined) return { image, giver };
    throw new PackferryError('E_IMAGE_NOT_FOUND', `${lockedNameOf(reference)}: no host gives it`, {
      hint: 'It was there when the hosts were asked. Run sync again.',
    });
  };
  const resolve: ImageSource['resolve'] = async (reference, _, signal) => {
    const { image, giver } = find(reference);
    const locked = await (await sourceAt(giver)).resolve(reference, platformOf(image), signal);
    const surveyed = image.meant?.image;
    if (surveyed?.idOf === 'config' && surveyed.id !== locked.config.digest) {
      const message = `${locked.reference}: on ${giver.host.name} it was ${surveyed.id} when the hosts were asked, and is ${locked.config.digest} now`;
      throw new PackferryError('E_TAG_MOVED', message, {
        hint: 'Somebody works there at the same time: run again.',
      });
    }
    return { ...locked, source: giver.host.url };
  };
  return {
    name: 'hosts',
    resolve,
    unpacked: {
      resolve,
      async *openSave(image, options) {
        const { giver } = find(parseReference(image.reference));
        const { unpacked } = await sourceAt(giver);
        if (unpacked === undefined) throw new TypeError(`${giver.host.url} saves no images`);
        yield* unpacked.openSave(image, options);
      },
    },
    openBlob: async (image, blob, options) => {
      const { giver } = find(parseReference(image.reference));
      return (await sourceAt(giver)).openBlob(image, blob, options);
    },
    close: async () => {
      const ended = await Promise.allSettled(opened.values());
      const sources = ended.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      await Promise.allSettled(sources.map((one) => one.close()));
    },
  };
}
