import pLimit from 'p-limit';
import { asPackferryError, type PackferryError } from '../core/errors.ts';
import { formatReference } from '../core/reference.ts';
import { reportVersion } from '../schema/reports.ts';
import type { AssessedImage, OutdatedReport } from '../schema/reports-tags.ts';
import { assess, type Assessment, type KnownTag } from './outdated-assess.ts';
import { Lookups, type ImageFacts, type LookupsOptions } from './outdated-lookups.ts';
import { reportError } from './report.ts';
import type { WantedImage } from './resolve.ts';

export interface OutdatedOptions extends LookupsOptions {
  readonly wanted: readonly WantedImage[];
  /** Also propose builds of another version line or Python. */
  readonly anyVersion: boolean;
  /** Images that are asked for at the same time. */
  readonly jobs: number;
}

export interface Outdated {
  readonly report: OutdatedReport;
  /** One per image of which the registry told nothing. */
  readonly errors: readonly PackferryError[];
}

/** Says of every image in use whether there is a newer build, and whether its tag still exists. Changes nothing. */
export async function findOutdated(options: OutdatedOptions): Promise<Outdated> {
  const { wanted, anyVersion } = options;
  const { assessed, errors } = await assessAll(options);
  const images = wanted.flatMap(({ reference, usedBy }) => {
    const found = assessed.get(formatReference(reference));
    return found === undefined ? [] : [{ ...reportOf(found), usedBy: [...usedBy] }];
  });
  const number = (is: (image: AssessedImage) => boolean): number => images.filter(is).length;
  const totals = {
    images: wanted.length,
    outdated: number(({ status }) => status === 'outdated'),
    held: number(({ status }) => status === 'held'),
    gone: number(({ exists }) => exists === false),
    notComparable: number(({ status }) => status === 'not comparable'),
  };
  const report: OutdatedReport = {
    schemaVersion: reportVersion,
    anyVersion,
    images,
    totals,
    errors: errors.map(reportError),
  };
  return { report, errors };
}

/** Assesses each image, by its fully qualified reference. One failure does not end the others. */
export async function assessAll(
  options: OutdatedOptions,
): Promise<{ assessed: ReadonlyMap<string, Assessment>; errors: readonly PackferryError[] }> {
  const { wanted, anyVersion, emit, signal } = options;
  const lookups = new Lookups(options);
  const assessed = new Map<string, Assessment>();
  const errors: PackferryError[] = [];
  const limit = pLimit(options.jobs);
  emit({ type: 'planned', task: 'resolve', items: wanted.length, bytes: 0 });
  const one = async ({ reference, usedBy: [use] }: WantedImage): Promise<void> => {
    const item = formatReference(reference);
    signal.throwIfAborted();
    emit({ type: 'started', task: 'resolve', item });
    try {
      assessed.set(item, await assess(reference, lookups, anyVersion));
      emit({ type: 'done', task: 'resolve', item });
    } catch (fault) {
      signal.throwIfAborted();
      const plain = asPackferryError(fault);
      const error =
        use === undefined ? plain : plain.with(`${plain.message} (used by ${use.file}:${use.line})`);
      errors.push(error);
      emit({ type: 'failed', task: 'resolve', item, error });
    }
  };
  await Promise.all(wanted.map((image) => limit(one, image)));
  emit({ type: 'finished', task: 'resolve' });
  return { assessed, errors: errors.sort((a, b) => (a.message < b.message ? -1 : 1)) };
}

function reportOf(found: Assessment): Omit<AssessedImage, 'usedBy'> {
  const { reference, status, source, reason, exists, newest, update, used } = found;
  return {
    ...{ reference, status, source },
    ...(reason === undefined ? {} : { reason }),
    ...(exists === undefined ? {} : { exists }),
    ...factsOf(used ?? {}),
    ...(newest === undefined ? {} : { newest: tagOf(newest) }),
    ...(update === undefined ? {} : { update: tagOf(update) }),
  };
}

function tagOf(known: KnownTag): NonNullable<AssessedImage['newest']> {
  return { tag: known.tag, ...factsOf(known) };
}

function factsOf({ created, python }: Partial<ImageFacts>): Pick<AssessedImage, 'created' | 'python'> {
  return { ...(created === undefined ? {} : { created }), ...(python === undefined ? {} : { python }) };
}
