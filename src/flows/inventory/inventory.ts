import type { PackferryError } from '../../core/errors.ts';
import type { Emit } from '../../core/events.ts';
import type { LockedImage } from '../../core/image.ts';
import { formatPlatform } from '../../core/platform.ts';
import { parseReference, tagNameOf } from '../../core/reference.ts';
import type { Comparison } from '../../engine/held-image.ts';
import { reportVersion } from '../../schema/reports.ts';
import type { InventoryReport } from '../../schema/reports-hosts.ts';
import type { Expectation } from './against.ts';
import type { FoundEngine } from './engines.ts';
import { groupsOf, type HeldGroup } from './held.ts';
import { isLost, isNamed, lostErrors, reportHosts, surveyHosts, type SurveyedHost } from './survey.ts';

export interface InventoryOptions {
  readonly engines: readonly FoundEngine[];
  /** Only images of which some pattern names the reference; all when empty. */
  readonly patterns: readonly string[];
  /** What the hosts ought to have. */
  readonly against?: Expectation | undefined;
  /** Hosts that are asked at the same time. */
  readonly jobs: number;
  readonly now: Date;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

type Row = InventoryReport['images'][number];
type Held = Row['held'][number];

/**
 * Asks engines what they have, and says which image is where, where it is missing, and where its name stands for another
 * one. Hosts that cannot be asked are in the report, and in `errors`; the others are told all the same.
 */
export async function takeInventory(
  options: InventoryOptions,
): Promise<{ readonly report: InventoryReport; readonly errors: readonly PackferryError[] }> {
  const { engines, patterns, against, now } = options;
  const expected = (against?.images ?? []).filter(({ reference }) => isNamed(reference, patterns));
  const answers = await surveyHosts(engines, { ...options, expected });
  const hosts = answers.flatMap((one) => (isLost(one) ? [] : [one]));
  const wanted = new Set(expected.map(({ reference }) => tagNameOf(parseReference(reference)) ?? reference));
  const found = new Set(hosts.flatMap(({ images }) => [...images.keys()]));
  const others = [...found].filter((reference) => !wanted.has(reference));
  const rows = [
    ...expected.map((image) => expectedRow(image, hosts)),
    ...others.map((reference) => foundRow(reference, hosts, against !== undefined)),
  ];
  const images = rows.sort((a, b) => (a.reference < b.reference ? -1 : 1));
  const report: InventoryReport = {
    schemaVersion: reportVersion,
    takenAt: now.toISOString(),
    hosts: reportHosts(answers),
    ...(against === undefined ? {} : { against: against.about }),
    images,
  };
  return { report, errors: lostErrors(answers) };
}

function foundRow(reference: string, hosts: readonly SurveyedHost[], isExtra: boolean): Row {
  const groups = groupsOf(reference, hosts);
  const held = groups.map((group) => reportGroup(group, group.hosts));
  const missing = hosts.filter(({ images }) => !images.has(reference)).map(nameOf);
  const state = groups.length > 1 ? 'differs' : missing.length > 0 ? 'missing' : 'everywhere';
  return { reference, state: isExtra ? 'extra' : state, held, missing };
}

/** What the engines say of an image that they ought to have. */
function expectedRow(image: LockedImage, hosts: readonly SurveyedHost[]): Row {
  const { reference, manifest, config } = image;
  const comparison = ({ compared }: SurveyedHost): Comparison =>
    compared.get(reference) ?? { state: 'absent' };
  const name = tagNameOf(parseReference(reference)) ?? reference;
  const held: Held[] = [];
  for (const group of groupsOf(name, hosts)) {
    // One engine may lack some of what another one has whole.
    for (const state of ['same', 'other', 'faulty'] as const) {
      const some = group.hosts.filter((host) => comparison(host).state === state);
      const [first] = some.map(comparison);
      if (first === undefined) continue;
      const is = state === 'faulty' ? 'damaged' : state;
      const reason = 'reason' in first ? { reason: first.reason } : {};
      held.push({ ...reportGroup(group, some), is, ...reason });
    }
  }
  const named = new Set(held.flatMap((one) => one.hosts));
  // An image without a tag has no name there, and is found by its ID.
  for (const host of hosts.filter((one) => !named.has(nameOf(one)))) {
    const told = comparison(host);
    if (told.state !== 'same') continue;
    const layers = image.layers.map(({ diffId }) => diffId);
    held.push({ id: told.id, hosts: [nameOf(host)], bytes: 0, layers, is: 'same' });
    named.add(nameOf(host));
  }
  const missing = hosts.map(nameOf).filter((host) => !named.has(host));
  const isOther = held.some(({ is }) => is !== 'same');
  return {
    reference,
    state: isOther ? 'differs' : missing.length > 0 ? 'missing' : 'everywhere',
    expected: { manifest: manifest.digest, config: config.digest },
    held,
    missing,
  };
}

function reportGroup({ image }: HeldGroup, hosts: readonly SurveyedHost[]): Held {
  const { id, platform, bytes, layers } = image;
  return {
    id,
    hosts: hosts.map(nameOf),
    ...(platform === undefined ? {} : { platform: formatPlatform(platform) }),
    bytes,
    layers: [...layers],
  };
}

function nameOf({ host }: SurveyedHost): string {
  return host.name;
}
