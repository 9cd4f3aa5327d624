import type { PackferryError } from '../../core/errors.ts';
import { isDigest } from '../../core/digest.ts';
import { lockedNameOf } from '../../core/reference.ts';
import type { ImportedImage } from '../../schema/reports.ts';
import type { NamedImage } from '../../engine/inspect-all.ts';
import { isLost, type LostHost, type SurveyedHost } from '../inventory/survey.ts';
import type { Evidence } from '../receipt/evidence.ts';
import { reportError } from '../report.ts';
import type { Work } from './bring.ts';
import type { SyncImage } from './plan.ts';

/** What there is before anything is brought. */
export interface BeforeSync {
  /** The hosts that are to have the images; one that only gives them is none of these. */
  readonly hosts: readonly SurveyedHost[];
  readonly plan: readonly SyncImage[];
  readonly work: Work;
  /** By name: what is wrong with names that stay as they are. */
  readonly conflicts: ReadonlyMap<string, PackferryError>;
}

/** Takes down which hosts were asked, and which of them did not answer. */
export function takeDownHosts(evidence: Evidence, answers: readonly (SurveyedHost | LostHost)[]): void {
  for (const one of answers) {
    evidence.host(one.host.url, one.host.name);
    if (isLost(one)) evidence.lost(one.host.url, reportError(one.error));
  }
}

/**
 * Takes down how every image stands at every host: there, to be brought (`pending` until that has ended), or left alone with
 * its name. What becomes of those that are brought is told later, by the same endpoints.
 */
export function takeDown(evidence: Evidence, { hosts, plan, work, conflicts }: BeforeSync): void {
  const toBring = new Map(work.map(({ host, images }) => [host, new Set(images)]));
  for (const host of hosts) {
    for (const image of plan) {
      const name = lockedNameOf(image.reference);
      const held = host.images.get(name);
      const isMeant = image.meant?.hosts.includes(host) === true;
      const error = isMeant ? undefined : conflicts.get(name);
      if (isMeant) evidence.image(host.host.url, { ...row(name, held), ...idOf(held), status: 'present' });
      else if (toBring.get(host)?.has(image) === true)
        evidence.image(host.host.url, { ...row(name, held), status: 'pending' });
      else if (error !== undefined)
        evidence.image(host.host.url, { ...row(name, held), status: 'failed', error: reportError(error) });
      else if (held !== undefined) evidence.image(host.host.url, { ...row(name, held), status: 'kept' });
    }
  }
}

function row(reference: string, held: NamedImage | undefined): Omit<ImportedImage, 'status'> {
  return { reference, ...(held === undefined ? {} : { before: held.id }), bytesSent: 0, bytesSkipped: 0 };
}

function idOf(held: NamedImage | undefined): Pick<ImportedImage, 'id'> {
  return held !== undefined && isDigest(held.id) ? { id: held.id } : {};
}
