import { select } from '../../flows/selection.ts';
import { findUsage } from '../../flows/usage.ts';
import { parseImageName } from '../../flows/usage-name.ts';
import type { UsageReport } from '../../schema/reports-tags.ts';
import type { Action, CommonOptions } from '../session.ts';
import { count } from '../text/plural.ts';
import { table } from '../text/table.ts';
import { visible } from '../text/visible.ts';
import { selecting } from './sources.ts';

/** `usage IMAGE MANIFEST or PACK...` */
export const usage: Action<CommonOptions> = async (session, args) => {
  const [image = '', ...paths] = args;
  // Before a thousand files are read.
  const named = parseImageName(image);
  const report = findUsage(named, await select(paths, await selecting(session)));
  return { report, text: usageText(report), summary: summaryOf(report) };
};

function usageText({ image, uses, near }: UsageReport): string {
  if (uses.length > 0) {
    return table(uses, [
      { title: 'IMAGE', value: ({ reference }) => reference },
      { title: 'PACK', value: ({ pack }) => pack },
      { title: 'KIND', value: ({ kind }) => kind },
      { title: 'ITEM', value: ({ item, key }) => (key === 'type' ? `${item} (by default)` : item) },
      { title: 'PLACE', value: ({ file, line, column }) => `${file}:${line}:${column}` },
    ]);
  }
  const hint = near.length === 0 ? '' : ` In use are: ${near.join(', ')}.`;
  return visible(`Nothing uses ${image}.${hint}`);
}

function summaryOf({ uses }: UsageReport): string {
  if (uses.length === 0) return '0 uses.';
  // What a manifest names itself belongs to no pack.
  const packs = new Set(uses.map(({ pack }) => pack).filter((pack) => pack !== '')).size;
  return `${count(uses.length, 'use')} in ${count(packs, 'pack')}.`;
}
