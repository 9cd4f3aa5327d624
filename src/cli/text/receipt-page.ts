import { formatSize } from '../../core/size.ts';
import type { Receipt } from '../../schema/receipt.ts';
import type { ErrorReport } from '../../schema/reports.ts';
import type { ReceiptShowReport } from '../../schema/reports-receipt.ts';
import { count } from './plural.ts';
import { visible } from './visible.ts';

/** Characters of a line: what fits on A4 and Letter in a font of ten points. */
const width = 90;
const indent = 14;

/** A receipt on lines that fit on paper; what is longer goes on below. */
export function receiptPage({ receipt, code, sha256, file, signed }: ReceiptShowReport): string {
  const { number, previous, action, outcome } = receipt;
  return [
    `PACKFERRY RECEIPT ${number}`,
    '='.repeat(width),
    ...field('Code', code),
    ...field('SHA-256', sha256),
    ...field('File', `${file} (${signed ? 'signed' : 'not signed'})`),
    ...field('Previous', previous ?? 'none: the first receipt'),
    '',
    ...field('Action', `${action}: ${resultWords(outcome)}`),
    ...outcome.errors.flatMap(errorLines),
    ...whenAndWho(receipt),
    '',
    ...bundleLines(receipt),
    ...originLines(receipt),
    '',
    ...trustLines(receipt),
    ...fileLines(receipt),
    ...lenderLines(receipt),
    ...targetLines(receipt),
  ].join('\n');
}

function resultWords({ result, status }: Receipt['outcome']): string {
  const words = {
    done: 'done',
    failed: 'FAILED',
    declined: 'declined by the operator',
    interrupted: 'INTERRUPTED',
  };
  return `${words[result]} (exit status ${status})`;
}

function errorLines({ errors = [], ...error }: Receipt['outcome']['errors'][number]): string[] {
  const line = ({ code, message }: ErrorReport): string[] => field('', `${code}: ${message}`);
  return [...line(error), ...errors.flatMap(line)];
}

function whenAndWho({ clock, endedAt, durationMs, tool, host, operator, site }: Receipt): string[] {
  const { name, uid, sudoUser } = operator;
  const number = uid === undefined ? '' : ` (uid ${uid})`;
  const caller = sudoUser === undefined ? '' : `, called by ${sudoUser} with sudo`;
  return [
    ...field('Began', `${clock} by the clock of the machine`),
    ...field('Ended', `${endedAt}, after ${(durationMs / 1000).toFixed(1)} s`),
    ...field('Operator', `${name}${number}${caller}`),
    ...field('Host', host),
    ...(site === undefined ? [] : field('Site', site)),
    ...field('Program', `${tool.name} ${tool.version}, Node ${tool.node}`),
    ...(tool.program === undefined
      ? []
      : [
          ...field('', `sha256 ${tool.program.sha256}`),
          ...field('', `of ${count(tool.program.files, 'file')}`),
        ]),
  ];
}

function bundleLines({ bundle }: Receipt): string[] {
  if (bundle === undefined) return [];
  const { dir, name, sequence, createdAt, expiresAt, audience, sumsSha256, media } = bundle;
  return [
    ...field(
      'Bundle',
      name === undefined
        ? 'not known: it could not be read'
        : `${name} ${sequence ?? ''} of ${createdAt ?? ''}`,
    ),
    ...(sumsSha256 === undefined ? [] : field('SHA256SUMS', sumsSha256)),
    ...field('Folder', dir),
    ...(media === undefined
      ? []
      : field('Medium', [media.device, media.fileSystem, ...media.ids].join(', '))),
    ...(expiresAt === undefined ? [] : field('Expires', expiresAt)),
    ...(audience === undefined ? [] : field('For', audience.join(', '))),
  ];
}

/** What no bundle has brought, with what it was found to be. */
function originLines({ unsigned, built }: Receipt): string[] {
  const { sources = [], images = [] } = unsigned ?? {};
  return [
    ...(built === undefined ? [] : builtLines(built)),
    ...(built === undefined ? sources.flatMap((source, at) => field(at === 0 ? 'From' : '', source)) : []),
    ...images.flatMap(({ reference, source, manifest, config }) => [
      ...field('Image', `${reference}${sources.length > 1 ? ` from ${source}` : ''}`),
      ...digestLine('manifest', manifest),
      ...digestLine('config', config),
    ]),
  ];
}

function builtLines({ engine, reference, id, base, dockerfile }: NonNullable<Receipt['built']>): string[] {
  return [
    ...field('Built', `${reference} on ${engine}`),
    ...(id === undefined ? field('', '  nothing: it failed before') : digestLine('image', id)),
    ...(base === undefined ? [] : [...field('Base', base.reference), ...digestLine('image', base.id)]),
    ...(base?.digest === undefined ? [] : digestLine('manifest', base.digest)),
    ...(dockerfile === undefined ? [] : field('Dockerfile', `sha256 ${dockerfile}`)),
  ];
}

function trustLines({ bundle, signers, trust }: Receipt): string[] {
  if (bundle === undefined) return field('Signed by', 'nobody: the images do not come from a bundle');
  const named = [
    ['allowed_signers', trust.allowedSigners],
    ['policy', trust.policy],
    ...trust.revokedKeys.map((list) => ['revoked_keys', list] as const),
  ] as const;
  return [
    ...(signers.length === 0 ? field('Signed by', 'nobody who is trusted, as far as it was checked') : []),
    ...signers.flatMap(({ principal, fingerprint, keyType, certificate, securityKey }) => [
      ...field('Signed by', principal),
      ...field('', `${keyType} ${fingerprint}`),
      ...(certificate === undefined
        ? []
        : field('', `certificate ${certificate.serial} "${certificate.keyId}" of ${certificate.authority}`)),
      ...(securityKey === undefined
        ? []
        : field('', `security key: touched${securityKey.userVerified ? ', PIN or finger checked' : ''}`)),
    ]),
    ...(trust.version === undefined ? [] : field('Trust', `version ${trust.version}`)),
    ...named.flatMap(([what, file]) =>
      file === undefined
        ? []
        : [...field('Judged by', `${what} ${file.file}`), ...field('', `sha256 ${file.sha256}`)],
    ),
  ];
}

function fileLines({ files }: Receipt): string[] {
  if (files.length === 0) return [];
  const bad = files.filter(({ result }) => result !== 'good');
  return [
    '',
    ...field('Files', `${files.length - bad.length} of ${count(files.length, 'file')} good`),
    ...files.flatMap(({ file, bytes, sha256, result }) => [
      ...field('', `${result.padEnd(10)} ${file}${bytes === undefined ? '' : ` (${formatSize(bytes)})`}`),
      ...(sha256 === undefined ? [] : field('', `           ${sha256}`)),
    ]),
  ];
}

function lenderLines({ lent = [] }: Receipt): string[] {
  return lent.flatMap(({ dir, name, sequence, sumsSha256, signers, layers, bytes }) => [
    '',
    ...field('Lent by', `${name} ${sequence}: ${count(layers, 'layer')}, ${formatSize(bytes)}`),
    ...field('', `folder      ${dir}`),
    ...field('', `SHA256SUMS  ${sumsSha256}`),
    ...signers.flatMap(({ principal, fingerprint }) => field('', `signed by   ${principal} ${fingerprint}`)),
  ]);
}

function targetLines({ targets, images, packs = [] }: Receipt): string[] {
  const configs = new Map(images.map(({ reference, config }) => [reference, config]));
  return [
    ...targets.flatMap(({ name, host, images: delivered, error: lost }) => [
      '',
      ...field('Target', host === undefined || host === name ? name : `${host}: ${name}`),
      ...(lost === undefined ? [] : field('', `not asked: ${lost.code}: ${lost.message}`)),
      ...delivered.flatMap(({ reference, status, id, before, bytesSent, error }) => [
        ...field('', `${status.padEnd(10)} ${reference} (${formatSize(bytesSent)} sent)`),
        ...digestLine('signed', configs.get(reference)),
        ...digestLine('before', before),
        ...digestLine('after', id),
        ...(error === undefined ? [] : field('', `  ${error.code}: ${error.message}`)),
      ]),
    ]),
    ...packs.flatMap((pack) => field('Pack', pack)),
  ];
}

/** Whole, so that it can be compared: its kind, which all have, would make the line too long. */
function digestLine(name: string, digest: string | undefined): string[] {
  return digest === undefined ? [] : field('', `  ${name.padEnd(8)} ${digest.replace(/^sha256:/, '')}`);
}

/** A name and its value; a value that is too long goes on in the next line, at the same column. */
function field(name: string, value: string): string[] {
  const text = visible(value);
  const room = width - indent;
  const pieces = text.match(new RegExp(`.{1,${room}}`, 'gu')) ?? [''];
  return pieces.map((piece, at) => `${(at === 0 ? name : '').padEnd(indent)}${piece}`.trimEnd());
}
