import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import pLimit from 'p-limit';
import { PackferryError } from '../../src/core/errors.ts';
import { parseAllowedSigners } from '../../src/trust/allowed-signers.ts';
import { parseRevokedKeys } from '../../src/trust/revoked-keys.ts';
import { bundleNamespace, verifyDetached, type VerifiedSigner } from '../../src/trust/verify.ts';
import { withSshKeygen } from '../helpers/ssh-keygen.ts';
import { message, now, withTempDir } from './fixtures.ts';

/** One question to both verifiers. */
export interface Case {
  readonly name: string;
  readonly signature: Buffer;
  readonly allowed: string;
  readonly revoked?: string | Buffer;
  readonly message?: Buffer;
  readonly namespace?: string;
  readonly at?: Date;
  /** Why it may be refused here though ssh-keygen takes it, where the signature file does not show it. */
  readonly reason?: Strictness;
}

/**
 * THE list: where this verifier is stricter than ssh-keygen on purpose. There is no other permitted difference, and none
 * at all where this one would be more tolerant.
 */
export const strictness = {
  'text after the END line is unsigned': 'file',
  'base64 is written in one way': 'file',
  // OpenSSH takes CRLF since 9.5.
  'lines end with LF alone': 'newer',
  'version 0 does not exist': 'file',
  'the reserved field is not signed': 'file',
  'numbers are written in one way': 'case',
  'a security key must have been touched': 'case',
  'RSA keys have at least 2048 bits': 'case',
  'no SHA-1, not even by an authority': 'case',
  'critical options that a signature cannot meet refuse a certificate': 'case',
  'names are clean: no quotes, no NULs, no empty patterns': 'case',
  'certificates do not stand in allowed_signers': 'case',
  'options stand alone, each once': 'case',
  'times are real ones': 'case',
  'one bad line voids the file': 'case',
  'KRLs are not supported': 'case',
} as const satisfies Readonly<Record<string, 'file' | 'case' | 'newer'>>;

export type Strictness = keyof typeof strictness;

const latin1 = (file: Buffer): string => file.toString('latin1');
const bodyOf = (file: Buffer): string => /SIGNATURE-----(\n[^]*?\n)-----END/.exec(latin1(file))?.[1] ?? '';

/** The bytes inside the armor. */
export const blobOf = (file: Buffer): Buffer => Buffer.from(bodyOf(file), 'base64');

const shows: Readonly<Partial<Record<Strictness, (file: Buffer) => boolean>>> = {
  'text after the END line is unsigned': (file) => !/-----END SSH SIGNATURE-----\n?$/.test(latin1(file)),
  'base64 is written in one way': (file) => /[ \t\v\f\r]|\n\n/.test(bodyOf(file)),
  'lines end with LF alone': (file) => file.includes('\r'),
  'version 0 does not exist': (file) => blobOf(file).readUInt32BE(6) === 0,
  'the reserved field is not signed': (file) => reservedLength(blobOf(file)) > 0,
};

function reservedLength(blob: Buffer): number {
  let offset = 10;
  for (let skipped = 0; skipped < 2; skipped += 1) offset += 4 + blob.readUInt32BE(offset);
  return blob.readUInt32BE(offset);
}

function reasonFor({ signature, reason }: Case): Strictness | undefined {
  const found = Object.entries(shows).find(([, isShown]) => {
    try {
      return isShown(signature);
    } catch {
      return false; // too short to have the field
    }
  });
  return reason ?? (found?.[0] as Strictness | undefined);
}

/** Our verdict: the signer, or undefined. Only PackferryError is a refusal. */
export function verdictHere(given: Case): VerifiedSigner | undefined {
  try {
    const allowed = parseAllowedSigners(Buffer.from(given.allowed), 'allowed');
    return verifyDetached({
      message: given.message ?? message,
      signature: given.signature,
      signatureName: 'sig',
      allowed:
        given.revoked === undefined
          ? allowed
          : { ...allowed, revoked: [parseRevokedKeys(Buffer.from(given.revoked), 'revoked')] },
      namespace: given.namespace ?? bundleNamespace,
      now: given.at ?? now,
    });
  } catch (fault) {
    if (fault instanceof PackferryError) return undefined;
    throw fault;
  }
}

/** As many processes at a time as small machines have cores. */
const limit = pLimit(2);
let runs = 0;

/** The verdict of the machine's ssh-keygen on the claim that `principal` signed. */
async function verdictThere(given: Case, principal: string, folder: string): Promise<boolean> {
  const run = (runs += 1);
  const put = async (name: string, content: string | Buffer): Promise<string> => {
    const file = `${name}-${run}`;
    await writeFile(path.join(folder, file), content);
    return file;
  };
  const time = (given.at ?? now).toISOString().replace(/\D/g, '').slice(0, 14);
  const args = ['-Y', 'verify', '-f', await put('allowed', given.allowed), '-I', principal];
  args.push('-n', given.namespace ?? bundleNamespace, '-s', await put('sig', given.signature));
  args.push('-O', `verify-time=${time}Z`);
  if (given.revoked !== undefined) args.push('-r', await put('revoked', given.revoked));
  const child = spawn('ssh-keygen', args, { cwd: folder, stdio: ['pipe', 'ignore', 'ignore'] });
  // It may refuse and end before it has read its input.
  child.stdin.on('error', () => undefined);
  child.stdin.end(given.message ?? message);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve(status === 0));
  });
}

/** Puts every case to both verifiers, and counts. */
export function compareAll(t: ExecutionContext, cases: readonly Case[]): Promise<void> {
  return withSshKeygen(t, () =>
    withTempDir(async (folder) => {
      const count = { accepted: 0, refused: 0, stricter: 0 };
      await Promise.all(
        cases.map((given) =>
          limit(async () => {
            const here = verdictHere(given);
            const isPattern = /[*?!,]/.test(here?.principal ?? '*');
            const there = await verdictThere(given, isPattern ? 'builder' : (here?.principal ?? ''), folder);
            const shown = `${given.name}\n${given.allowed}${given.revoked === undefined ? '' : `revoked: ${given.revoked.toString()}`}${latin1(given.signature)}`;
            if (here === undefined && there) {
              t.truthy(
                reasonFor(given),
                `ssh-keygen takes this, and no intended strictness explains the refusal: ${shown}`,
              );
              count.stricter += 1;
            } else {
              t.is(here !== undefined, there, `taken here, refused by ssh-keygen: ${shown}`);
              count[there ? 'accepted' : 'refused'] += 1;
            }
          }),
        ),
      );
      t.log(
        `differential: ${cases.length} cases like ssh-keygen: ${count.accepted} accepted, ${count.refused} refused, ${count.stricter} refused here only, on purpose`,
      );
    }),
  );
}

/** ssh-keygen takes what is refused here for a reason of the list. */
export function expectStricter(
  t: ExecutionContext,
  cases: readonly (Case & { reason: Strictness })[],
): Promise<void> {
  return withSshKeygen(t, () =>
    withTempDir(async (folder) => {
      for (const given of cases) {
        t.is(verdictHere(given), undefined, given.name);
        t.true(await verdictThere(given, 'builder', folder), `ssh-keygen no longer takes it: ${given.name}`);
      }
    }),
  );
}
