import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parseAllowedSigners } from '../../src/trust/allowed-signers.ts';
import { bundleNamespace, verifyDetached } from '../../src/trust/verify.ts';
import { loaderMachines, withLoaderSite, type LoaderSite } from '../helpers/loader.ts';
import { randomFrom } from '../helpers/random.ts';
import { needing } from '../helpers/system-tools.ts';

/** What packferry itself says of the signature that lies in the bundle. */
async function ours({ dir, trust }: LoaderSite): Promise<boolean> {
  try {
    verifyDetached({
      message: await readFile(path.join(dir, 'SHA256SUMS')),
      signature: await readFile(path.join(dir, 'SHA256SUMS.sig')),
      signatureName: 'SHA256SUMS.sig',
      allowed: parseAllowedSigners(Buffer.from(trust.allowedLine), 'allowed_signers'),
      namespace: bundleNamespace,
      now: new Date(),
    });
    return true;
  } catch {
    return false;
  }
}

async function agree(t: ExecutionContext, site: LoaderSite, what: string): Promise<boolean> {
  const expected = await ours(site);
  const { status, stdout, stderr } = await site.check();
  t.is(status === 0, expected, `${what}\n${stdout}${stderr}`);
  t.true(status === 0 || status === 4, stderr);
  return expected;
}

const string = (bytes: Buffer): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};
const armored = (blob: Buffer): string =>
  `-----BEGIN SSH SIGNATURE-----\n${blob.toString('base64')}\n-----END SSH SIGNATURE-----\n`;

for (const machine of loaderMachines.filter(({ keygen }) => !keygen)) {
  test(
    `load.sh (${machine.title}): random changes of a signature get the verdict of packferry`,
    needing(machine.needs, async (t) => {
      await withLoaderSite(machine, async (site) => {
        const file = path.join(site.dir, 'SHA256SUMS.sig');
        const text = await readFile(file, 'utf8');
        const blob = Buffer.from(text.split('\n').slice(1, -2).join(''), 'base64');
        const random = randomFrom(createHash('sha256').update(machine.title).digest().readUInt32BE());
        t.true(await agree(t, site, 'unchanged'));
        for (let round = 0; round < 48; round += 1) {
          const at = random(blob.length);
          const bytes = Buffer.from(blob);
          if (round % 3 === 0) bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
          const cut =
            round % 3 === 1 ? Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]) : bytes;
          const changed =
            round % 3 === 2
              ? Buffer.concat([bytes.subarray(0, at), Buffer.of(random(2) * 255), bytes.subarray(at)])
              : cut;
          await writeFile(file, armored(changed));
          t.false(await agree(t, site, `round ${round} at ${at}`));
        }
      });
    }),
  );

  test(
    `load.sh (${machine.title}): the numbers r and s in every wrong dress`,
    needing(machine.needs, async (t) => {
      await withLoaderSite(machine, async (site) => {
        const file = path.join(site.dir, 'SHA256SUMS.sig');
        const list = await readFile(path.join(site.dir, 'SHA256SUMS'));
        // Numbers with and without the zero before a high bit.
        const text = await site.trust.signer.sign(list, bundleNamespace);
        const blob = Buffer.from(text.split('\n').slice(1, -2).join(''), 'base64');
        // The prefix of docs/format.md: everything up to the hash has 152 bytes.
        const prefix = blob.subarray(0, 152);
        const inner = blob.subarray(156);
        const type = inner.subarray(0, 23);
        const pair = inner.subarray(27);
        const r = pair.subarray(4, 4 + pair.readUInt32BE());
        const s = pair.subarray(8 + r.length);
        const order = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
        const number = (value: bigint): Buffer => {
          const hex = value.toString(16);
          const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
          return (bytes[0] ?? 0) > 127 ? Buffer.concat([Buffer.of(0), bytes]) : bytes;
        };
        const value = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`);
        const put = (one: Buffer, two: Buffer, behind: Buffer = Buffer.alloc(0)): Buffer =>
          Buffer.concat([
            prefix,
            string(Buffer.concat([type, string(Buffer.concat([string(one), string(two), behind]))])),
          ]);
        const zero = (bytes: Buffer): Buffer => Buffer.concat([Buffer.of(0), bytes]);
        const bare = (bytes: Buffer): Buffer =>
          bytes[0] === 0 ? bytes.subarray(1) : Buffer.concat([Buffer.of(255), bytes]);
        const dresses: readonly (readonly [string, Buffer, boolean])[] = [
          ['as it was', put(r, s), true],
          // ECDSA itself takes both; so do ssh-keygen and packferry.
          ['the other s', put(r, number(order - value(s))), true],
          ['a needless zero before r', put(zero(r), s), false],
          ['a needless zero before s', put(r, zero(s)), false],
          ['negative r', put(bare(r), s), false],
          ['negative s', put(r, bare(s)), false],
          ['r and the order', put(number(value(r) + order), s), false],
          ['s and the order', put(r, number(value(s) + order)), false],
          ['no r', put(Buffer.alloc(0), s), false],
          ['no s', put(r, Buffer.alloc(0)), false],
          ['r is zero', put(Buffer.of(0), s), false],
          ['exchanged', put(s, r), false],
          ['a byte behind s', put(r, s, Buffer.of(0)), false],
          ['a third number', put(r, s, string(Buffer.of(1))), false],
          [
            'a byte behind the pair',
            Buffer.concat([prefix, string(Buffer.concat([inner, Buffer.of(0)]))]),
            false,
          ],
        ];
        t.true(blob.equals(put(r, s)), 'the parts are where this test takes them');
        for (const [what, bytes, isGood] of dresses) {
          await writeFile(file, armored(bytes));
          t.is(await agree(t, site, what), isGood, what);
        }
      });
    }),
  );
}
