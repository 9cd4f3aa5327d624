import type { Event, Task } from '../../core/events.ts';
import { formatSize } from '../../core/size.ts';
import { count } from '../text/plural.ts';
import { visible } from '../text/visible.ts';
import { formatSeconds, type Standing } from './meter.ts';
import { countItems, isBlob, itemName, taskWords } from './words.ts';

/** What is worth a line in a log. Blobs and details get theirs only when they are wanted: images are what people asked for. */
export function lineOf(event: Event, blobs: boolean): string | undefined {
  switch (event.type) {
    case 'planned':
      return event.items === 0 ? undefined : plannedLine(event);
    case 'done':
      return isBlob(event) ? blobLine(event, blobs) : doneLine(event);
    case 'skipped':
      if (isBlob(event) && !blobs) return undefined;
      return `skipped ${itemName(event)}: ${event.reason}${sizeIn(event.bytes)}`;
    case 'failed':
      // What happened is told at the end, of all failures together.
      return `failed ${itemName(event)} (${event.error.code})`;
    case 'image-complete':
      return imageLine(event);
    case 'note':
      if (event.level === 'detail' && !blobs) return undefined;
      return `${event.level === 'warning' ? 'warning: ' : ''}${visible(event.message)}`;
    case 'waiting':
      return waitingLine(event);
    case 'serving':
      return `serving ${count(event.images, 'image')} at ${event.url}`;
    case 'request':
      return requestLine(event);
    case 'started':
    case 'progress':
    case 'finished':
      return undefined;
  }
}

function plannedLine({ task, items, bytes }: Extract<Event, { readonly type: 'planned' }>): string {
  return `${taskWords[task].running} ${countItems(task, items)}${bytes > 0 ? `, ${formatSize(bytes)}` : ''}`;
}

function doneLine(event: Extract<Event, { readonly type: 'done' }>): string {
  const detail = event.detail === undefined ? '' : `, ${visible(event.detail)}`;
  return `${taskWords[event.task].done} ${itemName(event)}${sizeIn(event.bytes)}${detail}`;
}

/** With the whole digest: whoever wants to know of blobs wants to look for one. */
function blobLine(event: Extract<Event, { readonly type: 'done' }>, wanted: boolean): string | undefined {
  if (!wanted) return undefined;
  const about = [event.label, event.detail].flatMap((text) =>
    text === undefined ? [] : `, ${visible(text)}`,
  );
  return `${taskWords[event.task].done} blob ${event.item}${sizeIn(event.bytes)}${about.join('')}`;
}

function sizeIn(bytes: number | undefined): string {
  return bytes === undefined ? '' : ` (${formatSize(bytes)})`;
}

function imageLine(event: Extract<Event, { readonly type: 'image-complete' }>): string {
  const { bytes, fetched, present, shared } = event;
  const image = visible(event.image);
  if (present === bytes) return `skipped ${image}: already present (${formatSize(bytes)})`;
  const parts = [
    `${formatSize(fetched)} fetched`,
    ...(present > 0 ? [`${formatSize(present)} already present`] : []),
    ...(shared > 0 ? [`${formatSize(shared)} shared with images above`] : []),
  ];
  return `pulled ${image} (${formatSize(bytes)}; ${parts.join(', ')})`;
}

/** A wait, with its end in local time: whoever reads it may want to do something else meanwhile. */
function waitingLine(event: Extract<Event, { readonly type: 'waiting' }>): string {
  const end = new Date(event.until).toTimeString().slice(0, 8);
  const length = formatSeconds(event.milliseconds / 1000);
  return `waiting ${length}, until ${end}: ${visible(event.what)}: ${visible(event.reason)}`;
}

/** Local time, as a log has it: `12:00:01 10.0.0.7 GET /v2/ 200, 2 B, 1 ms, docker/28.5`. */
function requestLine(event: Extract<Event, { readonly type: 'request' }>): string {
  const { client, method, target, status, bytes, milliseconds, userAgent, complete } = event;
  const time = new Date().toTimeString().slice(0, 8);
  const parts = [
    `${time} ${client} ${method} ${target} ${status}`,
    formatSize(bytes),
    `${milliseconds} ms`,
    ...(complete ? [] : ['BROKEN OFF']),
    ...(userAgent === undefined ? [] : [userAgent]),
  ];
  return visible(parts.join(', '));
}

/** How a task stands, for a log. `running` names what it is at; it counts where there is no plan to compare with. */
export function standingLine(task: Task, standing: Standing, running: readonly string[]): string {
  const { items, itemsDone, bytes, bytesDone, rate, secondsLeft } = standing;
  const word = taskWords[task].running;
  if (bytes === Infinity) {
    const at = running.join(', ');
    return bytesDone === 0 ? `${word}: ${at}` : `${word}: ${at}, ${formatSize(bytesDone)}, ${rateOf(rate)}`;
  }
  if (bytes === 0) return `${word}: ${itemsDone} of ${countItems(task, items)}`;
  const percent = Math.floor((bytesDone / bytes) * 100);
  return `${word}: ${percent}%, ${formatSize(bytesDone)} of ${formatSize(bytes)}, ${rateOf(rate)}, ${formatSeconds(secondsLeft)} left`;
}

/** `12.0 MiB/s`: fractions of a byte mean nothing. */
export function rateOf(rate: number): string {
  return `${formatSize(Math.round(rate))}/s`;
}
