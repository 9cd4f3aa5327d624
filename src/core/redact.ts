import { Buffer } from 'node:buffer';

/** What stands in the place of a secret. */
const mask = '***';

/** Shorter ones tell an onlooker next to nothing, and taking them out would make every text unreadable. */
const shortest = 4;

/**
 * Digests and fingerprints of keys. A short secret may happen to stand in one of them; taking it out there would hide
 * nothing and destroy evidence.
 */
const hashes = /(\b(?:sha256:)?[0-9a-f]{64}\b|SHA256:[A-Za-z0-9+/]{43})/;

/** Shorter secrets are no hash, and hold none. */
const shortestHash = 43;

/** Parameters of addresses that give access by themselves: signed URLs of S3, Azure, Google and CloudFront, and tokens. */
const secretParameters = [
  'X-Amz-(?:Signature|Credential|Security-Token)',
  'X-Goog-(?:Signature|Credential)',
  'X-OSS-(?:Signature|Credential|Security-Token)',
  'AWSAccessKeyId',
  'OSSAccessKeyId',
  'Signature',
  'Policy',
  'Key-Pair-Id',
  'sig',
  'verify',
  '[a-z_-]*token',
  '[a-z_-]*secret',
  '[a-z_-]*passw(?:or)?d',
  'api[_-]?key',
].join('|');

/** What is secret by its form, whoever it belongs to. Each takes linear time: texts come from outside. */
const forms: readonly (readonly [RegExp, string])[] = [
  // A name alone is a secret, too, where it is a token; ssh://USER@HOST is none.
  [/(https?:\/\/)[^\s/?#"'<>\\]*@/gi, `$1${mask}@`],
  [/(:\/\/[^\s/?#"'<>\\@:]*:)[^\s/?#"'<>\\]*@/g, `$1${mask}@`],
  // The same without a scheme, as people write it for a registry; names of images have their digest there.
  [/(^|[\s"'(=,])[\w.~%+$-]+:[^\s/"'<>@]+@(?!sha[0-9]+:)(?=[a-z0-9[])/gi, `$1${mask}@`],
  [/\b((?:Basic|Bearer) +)(?![a-z]+=)(?=[^\s"',]{16})[A-Za-z0-9._~+/-]+=*/gi, `$1${mask}`],
  [new RegExp(`([?&;](?:${secretParameters})=)[^&#\\s"'<>]+`, 'gi'), `$1${mask}`],
  [
    /("(?:auth|identitytoken|(?:access_|refresh_)?token|password|secret)"\s*:\s*")(?:[^"\\]|\\.)*"/gi,
    `$1${mask}"`,
  ],
];

/** The forms of every secret that this process has met, longest first where it matters. */
const known = new Set<string>();
let longestFirst: readonly string[] | undefined;

/**
 * Tells of a secret that has become known: a password, a token, a passphrase. From now on `redact` takes it out of every
 * text, also in base64, in URLs and in JSON. Secrets stay known until the process ends, as they may be in its memory.
 */
export function noteSecret(secret: string): void {
  if (secret.length < shortest) return;
  for (const form of writtenForms(secret)) {
    if (known.has(form)) continue;
    known.add(form);
    longestFirst = undefined;
  }
}

/** Tells of an account: its password, and the base64 of both (RFC 7617). */
export function noteAccount(username: string, password: string): void {
  noteSecret(password);
  if (password !== '') noteSecret(Buffer.from(`${username}:${password}`, 'utf8').toString('base64'));
}

/** Tells of the parameters of an address that give access by themselves. */
export function noteSecretParameters({ searchParams }: URL): void {
  const isSecret = new RegExp(`^(?:${secretParameters})$`, 'i');
  for (const [name, value] of searchParams) if (isSecret.test(name)) noteSecret(value);
}

/**
 * Takes out of a text what is secret: everything that was noted, and what shows by its form that it is (passwords in
 * URLs, values of `Authorization`, signatures in addresses). Everything that is printed or kept as evidence passes here.
 */
export function redact(text: string): string {
  longestFirst ??= [...known].sort((a, b) => b.length - a.length);
  const isLong = (secret: string): boolean => secret.length >= shortestHash;
  let safe = without(longestFirst.filter(isLong), text);
  const short = longestFirst.filter((secret) => !isLong(secret));
  if (short.some((secret) => safe.includes(secret)))
    safe = safe
      .split(hashes)
      .map((part, at) => (at % 2 === 1 ? part : without(short, part)))
      .join('');
  for (const [pattern, instead] of forms) safe = safe.replace(pattern, instead);
  return safe;
}

function without(secrets: readonly string[], text: string): string {
  return secrets.reduce(
    (safe, secret) => (safe.includes(secret) ? safe.replaceAll(secret, mask) : safe),
    text,
  );
}

/** The same for every text in a value that becomes JSON. Names of fields are ours and stay. */
export function redactAll(value: unknown): unknown {
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return value.map(redactAll);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, redactAll(part)]));
}

function writtenForms(secret: string): Set<string> {
  const url = encodeURIComponent(secret);
  return new Set([
    secret,
    url,
    url.replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`),
    new URLSearchParams({ x: secret }).toString().slice(2),
    JSON.stringify(secret).slice(1, -1),
    ...base64Forms(Buffer.from(secret, 'utf8')),
  ]);
}

/**
 * The secret inside the base64 of something longer, by where it begins there: the first and the last characters depend
 * on what stands beside it and are left out.
 */
function base64Forms(bytes: Buffer): string[] {
  const inside = [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const whole = text.slice(Math.ceil((before * 4) / 3), Math.floor(((before + bytes.length) * 4) / 3));
    return whole.length < 2 * shortest ? [] : [whole];
  });
  return inside.flatMap((text) => [text, text.replaceAll('+', '-').replaceAll('/', '_')]);
}
