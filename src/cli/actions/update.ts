import { defaultPlatform } from '../../core/platform.ts';
import { emptyManifest } from '../../flows/manifest.ts';
import { updatePacks } from '../../flows/update.ts';
import type { UpdateReport } from '../../schema/reports-tags.ts';
import type { RegistryOptions } from '../network.ts';
import type { PatienceOptions } from '../registry-options.ts';
import type { Action, CommonOptions, Session } from '../session.ts';
import { count } from '../text/plural.ts';
import { table } from '../text/table.ts';
import { visible } from '../text/visible.ts';
import { withRegistries } from './sources.ts';

export interface UpdateOptions extends CommonOptions, PatienceOptions, RegistryOptions {
  readonly write?: boolean;
  readonly image?: string;
  readonly to?: string;
  readonly anyVersion?: boolean;
  readonly jobs: number;
}

/** `update PACK...` */
export const update: Action<UpdateOptions> = async (session, paths, options) => {
  const { emit, signal } = session;
  return withRegistries(session, emptyManifest, options, async (source) => {
    const { report, errors } = await updatePacks({
      ...{ paths, source, platform: defaultPlatform, jobs: options.jobs, emit, signal },
      write: options.write ?? false,
      image: options.image,
      to: options.to,
      anyVersion: options.anyVersion ?? false,
    });
    const text = report.write ? writtenText(report) : diffText(report, session);
    const raw = !report.write && session.context.stdout.isTTY !== true;
    return { report, text, raw, summary: summaryOf(report), errors };
  });
};

/** Byte for byte as `patch` wants it, except on a terminal. */
function diffText({ changes }: UpdateReport, { context }: Session): string {
  const diff = changes.map((change) => change.diff ?? '').join('');
  const whole = diff.replace(/\n$/, '');
  return context.stdout.isTTY === true ? visible(whole.replace(/\r$/gm, '')) : whole;
}

function writtenText({ changes }: UpdateReport): string {
  const written = changes.filter(({ status }) => status === 'written');
  if (written.length === 0) return '';
  return table(written, [
    { title: 'FILE', value: ({ path, line, column }) => `${path}:${line}:${column}` },
    { title: 'FROM', value: ({ from }) => from },
    { title: 'TO', value: ({ to }) => to },
  ]);
}

function summaryOf({ write, changes, kept }: UpdateReport): string {
  const done = changes.filter(({ status }) => status !== 'failed').length;
  const lines = kept
    .filter(({ reason }) => reason !== 'up to date')
    .map(({ path, line, column, reference, reason }) =>
      visible(`Kept: ${path}:${line}:${column}: ${reference}: ${reason}`),
    );
  const files = count(done, 'file');
  const head = write ? `${files} changed.` : `${files} would change.`;
  const next = !write && done > 0 ? ' Run again with --write to change them.' : '';
  return [...lines, `${head}${next}`].join('\n');
}
