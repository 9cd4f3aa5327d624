import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { PackferryError } from '../../../src/core/errors.ts';
import { listAgentKeys } from '../../../src/trust/agent.ts';
import { parseAllowedSigners } from '../../../src/trust/allowed-signers.ts';
import { decodeArmor } from '../../../src/trust/armor.ts';
import { loadPublicKey } from '../../../src/core/ssh-keys/loaded-key.ts';
import { openPrivateKey } from '../../../src/trust/private-key.ts';
import { parseRevokedKeys } from '../../../src/trust/revoked-keys.ts';
import { decodeSshsig, encodeSshsig } from '../../../src/trust/sshsig.ts';
import { bundleNamespace, verifyDetached } from '../../../src/trust/verify.ts';
import { wireString, wireUint32, type Fail } from '../../../src/core/ssh-keys/wire.ts';
import { projectRoot } from '../../helpers/cli.ts';
import { anyText } from '../mutate/text.ts';
import { anyWire, inBase64 } from '../mutate/wire.ts';
import type { Target } from '../target.ts';

const sample = (name: string): Buffer => readFileSync(path.join(projectRoot, 'test/fuzz/samples', name));
const signatures = [
  'ed25519',
  'p-256',
  'p-384',
  'p-521',
  'rsa',
  'security-key-ed25519',
  'security-key-p-256',
  'certified',
];
const fail: Fail = (reason) => new PackferryError('E_SIGNATURE_INVALID', reason);
const now = new Date('2026-11-23T12:00:00Z');

const keyLines = sample('allowed_signers')
  .toString()
  .split('\n')
  .map((line) => /(?:sk-)?(?:ssh|ecdsa)-\S+ (AAAA\S+)/.exec(line)?.[1])
  .filter((key) => key !== undefined);

export const signature: Target = {
  name: 'trust/signature',
  valid: () => signatures.map((name) => sample(`${name}.sig`)),
  mutations: [...anyText, ...Array.from({ length: 12 }, () => inBase64(anyWire))],
  codes: ['E_SIGNATURE_INVALID', 'E_SIGNER_UNTRUSTED'],
  runs: 700,
  read: (input) => {
    const allowed = parseAllowedSigners(sample('allowed_signers'), 'allowed_signers');
    const content = { message: Buffer.from('what was signed\n'), namespace: bundleNamespace, now };
    verifyDetached({ ...content, signature: input, signatureName: 'x.sig', allowed });
    // No signature has a second spelling, and what was read gives the same again.
    const blob = decodeArmor(input, fail);
    assert.ok(signatures.some((name) => decodeArmor(sample(`${name}.sig`), fail).equals(blob)));
    assert.deepEqual(decodeArmor(Buffer.from(encodeSshsig(decodeSshsig(input, 'x.sig'))), fail), blob);
  },
};

export const allowedSigners: Target = {
  name: 'trust/allowed-signers',
  valid: () => [sample('allowed_signers')],
  mutations: [...anyText, inBase64(anyWire), inBase64(anyWire)],
  codes: ['E_TRUST_INVALID'],
  runs: 150,
  read: (input) => {
    const { signers } = parseAllowedSigners(input, 'allowed_signers');
    assert.ok(signers.length > 0);
    for (const { key, principals } of signers) {
      assert.ok(principals.patterns.length > 0);
      assert.ok(
        keyLines.includes(key.blob.toString('base64')) || loadPublicKey(key.blob, fail).plain.length > 0,
      );
    }
  },
};

export const revokedKeys: Target = {
  name: 'trust/revoked-keys',
  valid: () => [
    Buffer.from(
      `# withdrawn\n\n${[...keyLines.keys()].map((at) => `${typeOf(keyLines[at] ?? '')} ${keyLines[at] ?? ''} x\n`).join('')}`,
    ),
    sample('certificate.pub'),
    Buffer.alloc(0),
  ],
  mutations: [...anyText, inBase64(anyWire), inBase64(anyWire)],
  codes: ['E_TRUST_INVALID'],
  runs: 150,
  read: (input) => {
    const { lines } = parseRevokedKeys(input, 'revoked_keys');
    for (const line of lines.values()) assert.ok(line >= 1);
  },
};

function typeOf(key: string): string {
  const blob = Buffer.from(key, 'base64');
  return blob.toString('latin1', 4, 4 + blob.readUInt32BE());
}

export const publicKey: Target = {
  name: 'trust/public-key',
  valid: () => {
    const certificate = /AAAA\S+/.exec(sample('certificate.pub').toString())?.[0] ?? '';
    return [...keyLines, certificate].map((key) => Buffer.from(key, 'base64'));
  },
  mutations: anyWire,
  codes: ['E_SIGNATURE_INVALID'],
  runs: 1000,
  read: (input) => {
    const { plain, certificate } = loadPublicKey(input, fail);
    if (certificate === undefined) assert.deepEqual(plain, input);
    // A certificate is signed to its last byte.
    else assert.ok(keyLines.includes(certificate.authority.toString('base64')));
  },
};

/** A private key file that is not encrypted, its key the same in every run. */
function privateKeyFile(): Buffer {
  const seed = Buffer.alloc(32, 7);
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const key = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }));
  const point = Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');
  const publicBlob = Buffer.concat([wireString('ssh-ed25519'), wireString(point)]);
  const check = wireUint32(0x01020304);
  const plain = [check, check, publicBlob, wireString(Buffer.concat([seed, point])), wireString('comment')];
  const sealed = Buffer.concat(plain);
  const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7].slice(0, (8 - (sealed.length % 8)) % 8));
  return Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    ...['none', 'none', ''].map((text) => wireString(text)),
    wireUint32(1),
    wireString(publicBlob),
    wireString(Buffer.concat([sealed, padding])),
  ]);
}

export const privateKey: Target = {
  name: 'trust/private-key',
  valid: () => [privateKeyFile()],
  mutations: anyWire,
  codes: ['E_KEY_UNREADABLE', 'E_KEY_UNSUPPORTED', 'E_KEY_PASSPHRASE'],
  runs: 250,
  read: async (input) => {
    const [begin, end] = ['-----BEGIN OPENSSH PRIVATE KEY-----', '-----END OPENSSH PRIVATE KEY-----'];
    const text = Buffer.from(`${begin}\n${input.toString('base64').replace(/.{70}/g, '$&\n')}\n${end}\n`);
    const { publicKey: blob, type } = await openPrivateKey({ name: 'key', text }, undefined);
    assert.equal(loadPublicKey(blob, fail).type, type);
  },
};

export const agentAnswer: Target = {
  name: 'trust/agent-answer',
  valid: () => {
    const keys = keyLines
      .slice(0, 3)
      .flatMap((key) => [wireString(Buffer.from(key, 'base64')), wireString('a key')]);
    return [wireString(Buffer.concat([Buffer.of(12), wireUint32(3), ...keys]))];
  },
  mutations: anyWire,
  codes: ['E_KEY_UNAVAILABLE'],
  runs: 200,
  read: async (input, folder) => {
    const socket = path.join(folder, `agent-${(agents += 1)}`);
    const server = createServer((connection) => {
      connection
        .on('error', () => undefined)
        .resume()
        .end(input);
    });
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    try {
      const keys = await listAgentKeys({ socket, timeouts: { list: 2000, sign: 2000 } });
      assert.ok(keys.length <= input.length);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  },
};

let agents = 0;
