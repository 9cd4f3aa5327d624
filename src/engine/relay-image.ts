import type { Readable } from 'node:stream';
import { relayArchive, type Relayed } from '../archive/relay/relay-archive.ts';
import type { Digest } from '../core/digest.ts';
import { eachDuring } from '../core/each-during.ts';
import type { LockedImage } from '../core/image.ts';
import type { DeliverOptions, Delivery, ImageSource, SendingPace } from '../core/ports.ts';
import type { Engine } from './engine.ts';
import { loadArchive } from './engine-load.ts';
import type { IdleWatch } from './patience.ts';

export interface RelayImageOptions extends Pick<DeliverOptions, 'signal' | 'onBytes'> {
  /** Diff IDs of layers that the engine has, as far as is known. */
  readonly held: ReadonlySet<Digest>;
  /** See `LoadOptions`; what is read of the save counts as well. */
  readonly loadIdle: number;
  /** Sends some of the image. Undefined when the engine now has all of it; else why not. */
  readonly whyNot: (send: () => Promise<void>) => Promise<string | undefined>;
}

/**
 * Streams the save of an unpacked image from its engine straight into another one: without the layers that are held, and
 * where that does not end in this very image, once more with all of them. Nothing is kept here, and the other engine keeps
 * nothing unless all has come as the image ID promises. Throws as `loadImage` and `relayArchive` do.
 */
export async function relayImage(
  engine: Engine,
  image: LockedImage,
  source: ImageSource,
  { held, whyNot, ...options }: RelayImageOptions,
): Promise<Delivery> {
  let relayed: Relayed = { sent: 0, skipped: 0 };
  const send = async (without: ReadonlySet<Digest>): Promise<void> => {
    relayed = await relay(engine, image, source, without, options);
  };
  const refused = held.size === 0 ? undefined : await whyNot(() => send(held));
  if (held.size === 0 || refused !== undefined) await send(new Set());
  const { sent: bytesSent, skipped: bytesSkipped } = relayed;
  return { bytesSent, bytesSkipped, ...(refused === undefined ? {} : { sentInFull: refused }) };
}

async function relay(
  engine: Engine,
  image: LockedImage,
  { name, unpacked }: ImageSource,
  without: ReadonlySet<Digest>,
  { loadIdle, signal, onBytes }: Pick<RelayImageOptions, 'loadIdle' | 'signal' | 'onBytes'>,
): Promise<Relayed> {
  if (unpacked === undefined) throw new TypeError(`${name} saves no images`);
  let relayed: Relayed = { sent: 0, skipped: 0 };
  const stopping = signal === undefined ? {} : { signal };
  const open = (idle: IdleWatch): Readable =>
    relayArchive(image, {
      // Time in which the save is waited for, which may be that of other targets, is none of the engine that loads.
      openSave: (unwanted) => eachDuring(unpacked.openSave(image, { signal: unwanted }), idle.during),
      name: `${image.reference}: ${image.source}`,
      without,
      pace: blamelessPace(unpacked.pace, idle),
      heldAs: engine.facts.product === 'podman' ? 'empty file' : 'nothing',
      ...stopping,
      onRelayed: (so) => {
        relayed = so;
        idle.alive();
        onBytes?.(so.sent);
      },
    });
  await loadArchive(engine, image, open, { loadIdle, ...stopping });
  return relayed;
}

/** Nor is time in which nothing may be sent. */
function blamelessPace(pace: SendingPace | undefined, { during }: IdleWatch): SendingPace | undefined {
  return pace && { piece: pace.piece, take: (bytes, signal) => during(pace.take(bytes, signal)) };
}
