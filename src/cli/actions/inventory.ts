import { checkFilePlace } from '../../bundle/file-place.ts';
import { writeFileWhole } from '../../bundle/files.ts';
import { documentText } from '../../bundle/document.ts';
import { readExpectation, type Expectation } from '../../flows/inventory/against.ts';
import { findEngine } from '../../flows/inventory/engines.ts';
import { takeInventory } from '../../flows/inventory/inventory.ts';
import { allHosts } from '../hosts.ts';
import type { HostsOptions } from '../hosts-options.ts';
import { trustedKeys } from '../keys.ts';
import type { Action, CommonOptions, Session } from '../session.ts';
import { sshAccess } from '../ssh.ts';
import type { SshOptions } from '../ssh-options.ts';
import { checkPatterns } from '../patterns.ts';
import { inventorySummary, inventoryText } from '../text/inventory.ts';

export interface InventoryOptions extends CommonOptions, SshOptions, HostsOptions {
  readonly from?: readonly string[];
  readonly images?: readonly string[];
  readonly against?: string;
  readonly output?: string;
  readonly trustedKeys?: string;
  readonly revokedKeys?: readonly string[];
  readonly jobs: number;
}

/** `inventory [--from ENDPOINT]... [--hosts FILE]` */
export const inventoryCommand: Action<InventoryOptions> = async (session, _, options) => {
  const { context, emit, signal } = session;
  if (options.output !== undefined) await checkFilePlace(options.output);
  const patterns = checkPatterns('--images', options.images);
  const named = options.from ?? (options.hosts === undefined ? ['docker:'] : []);
  const hosts = await allHosts(session, named, options);
  const access = { environment: context.env, ssh: sshAccess(session, options), emit };
  const engines = hosts.map((host) => findEngine(host, access));
  const against = await expectation(session, options);
  const { report, errors } = await takeInventory({
    ...{ engines, patterns, against, jobs: options.jobs, now: context.now, emit, signal },
  });
  // A part of it is written as well, and says which hosts it lacks; one of nothing would only replace a better one.
  const isOf = report.hosts.some(({ error }) => error === undefined);
  const written = isOf ? options.output : undefined;
  if (written !== undefined) await writeFileWhole(written, documentText(report), 0o644);
  return { report, text: inventoryText(report), summary: inventorySummary(report, written), errors };
};

async function expectation(
  { context, emit }: Session,
  options: InventoryOptions,
): Promise<Expectation | undefined> {
  if (options.against === undefined) return undefined;
  const isTrusting = options.trustedKeys !== undefined || options.revokedKeys !== undefined;
  const keys = isTrusting ? { allowed: await trustedKeys(context, options, emit) } : {};
  return readExpectation(options.against, { ...keys, now: context.now, emit });
}
