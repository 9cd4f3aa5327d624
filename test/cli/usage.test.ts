import path from 'node:path';
import process from 'node:process';
import test from 'ava';
import { failureReport } from '../../src/schema/reports.ts';
import { exitStatusTable } from '../../src/cli/exit-status.ts';
import { errorCodes, statusOfCode } from '../../src/core/errors.ts';
import { runCli } from '../helpers/cli-run.ts';
import { packferry, projectRoot } from '../helpers/cli.ts';

const commands = [
  'plan',
  'lock',
  'export',
  'usage',
  'outdated',
  'update',
  'search',
  'verify',
  'import',
  'trust',
  'inspect',
  'keygen',
];

test('a bare packferry prints help: every command, examples, every exit status', async (t) => {
  const { status, stdout, stderr } = await runCli([]);
  t.is(status, 0);
  t.is(stderr, '');
  for (const command of commands) t.regex(stdout, new RegExp(`^  ${command} `, 'm'));
  t.true(stdout.includes('Examples:'));
  for (const { status: number, meaning } of exitStatusTable) {
    t.regex(stdout, new RegExp(`^ +${number}  ${meaning.replace(/[().]/g, '\\$&')}$`, 'm'));
  }
});

test('the table of exit statuses has every status that an error can lead to', (t) => {
  const listed = exitStatusTable.map(({ status }) => status);
  t.deepEqual(
    [...new Set([0, ...errorCodes.map(statusOfCode)])],
    [0, ...listed.filter((status) => status > 0)],
  );
});

for (const command of commands) {
  test(`${command} --help and help ${command} print the same, with examples`, async (t) => {
    const { status, stdout } = await runCli([command, '--help']);
    t.is(status, 0);
    t.is((await runCli(['help', command])).stdout, stdout);
    t.regex(stdout, new RegExp(`Examples:\n  \\$ packferry ${command} `));
    t.false(stdout.includes('default: []'));
    t.is(/\(default: [^()]*\)\s+\(default:/.exec(stdout), null, 'a default is told once');
  });
}

test('a group by itself prints its commands, and each of them has help with examples', async (t) => {
  const bare = await runCli(['trust']);
  t.is(bare.status, 2);
  t.true(bare.stderr.includes('error[E_USAGE]: trust: say which of its commands'), bare.stderr);
  for (const command of ['add', 'list', 'revoke', 'update', 'propose', 'sign']) {
    t.regex(bare.stderr, new RegExp(`^  ${command} `, 'm'));
    const { status, stdout } = await runCli(['trust', command, '--help']);
    t.is(status, 0);
    t.regex(stdout, new RegExp(`Examples:\n  \\$ packferry trust ${command} ?`));
  }
  const unknown = await runCli(['trust', 'ad']);
  t.is(unknown.status, 2);
  t.regex(unknown.stderr, /unknown command 'ad'[^]*add/);
  const inside = await runCli(['trust', 'revoke', 'soc-builder']);
  t.regex(inside.stderr, /--reason[^]*\nhint: See packferry trust revoke --help\.\n/);
});

test('--version prints the version alone', async (t) => {
  const { status, stdout } = await runCli(['--version']);
  t.is(status, 0);
  t.is(stdout, '0.0.0-test\n');
});

interface Case {
  readonly argv: readonly string[];
  readonly names: readonly string[];
}
const wrong = test.macro({
  async exec(t, { argv, names }: Case) {
    const { status, stdout, stderr } = await runCli(argv);
    t.is(status, 2, stderr);
    t.is(stdout, '');
    t.true(stderr.includes('error[E_USAGE]: ') && stderr.includes('hint: '), stderr);
    for (const name of names) t.true(stderr.includes(name), `${name} is not in:\n${stderr}`);
    const [command = '', ...rest] = argv;
    const json = await runCli([command, '--json', ...rest]);
    t.is(json.status, 2);
    t.is(failureReport.parse(JSON.parse(json.stdout)).error.code, 'E_USAGE');
  },
  title: (what) => `wrong usage: ${what}`,
});
test('an unknown command', wrong, {
  argv: ['exprot', 'soc.yml'],
  names: ["unknown command 'exprot'", 'hint: Did you mean export? See packferry --help.'],
});
test('wrong usage: help on an unknown command', async (t) => {
  const { status, stdout, stderr } = await runCli(['help', 'exprot']);
  t.is(status, 2);
  t.is(stdout, '');
  t.true(stderr.includes("error[E_USAGE]: unknown command 'exprot'"), stderr);
});
test('an unknown option', wrong, {
  argv: ['export', 'soc.yml', '-o', 'out', '--dry-rnu'],
  names: ["unknown option '--dry-rnu'", 'Did you mean --dry-run? See packferry export --help.'],
});
test('an option without its value', wrong, { argv: ['export', 'soc.yml', '-o'], names: ['--output'] });
test('a missing option', wrong, { argv: ['export', 'soc.yml'], names: ['--output'] });
test('a missing argument', wrong, { argv: ['verify'], names: ['bundle', 'packferry verify --help'] });
test('too many arguments', wrong, { argv: ['verify', 'a', 'b'], names: ['too many arguments'] });
test('no number of jobs', wrong, { argv: ['plan', 'x', '-j', 'many'], names: ['--jobs', 'from 1 to 64'] });
test('too many jobs', wrong, { argv: ['plan', 'x', '-j', '65'], names: ['--jobs'] });
test('an unknown kind of progress', wrong, {
  argv: ['plan', 'x', '--progress', 'fancy'],
  names: ['fancy', 'plain'],
});
test('two manifests', wrong, {
  argv: ['plan', 'manifests/soc.yml', 'manifests/sample.yml'].map((one) =>
    one.endsWith('.yml') ? path.join(projectRoot, one) : one,
  ),
  names: ['soc.yml', 'give it alone'],
});
test('--with-importer before the manifest, which it takes for its file', wrong, {
  argv: ['export', '--with-importer', 'soc.yml', '-o', 'out'],
  names: ['--with-importer', 'soc.yml', 'packferry export MANIFEST --with-importer'],
});
test('--with-importer before a pack folder', wrong, {
  argv: ['export', '--with-importer', projectRoot, '-o', 'out'],
  names: ['--with-importer', 'comes before this option'],
});
test('a new key and nobody to ask for a passphrase', wrong, {
  argv: ['keygen', '-o', '/nonexistent/key'],
  names: ['--no-passphrase', '--passphrase-file'],
});

test('an image name that is none is told before a folder is read', async (t) => {
  for (const argv of [
    ['usage', 'Demisto/Python:3', '/nowhere/at/all'],
    ['update', '/nowhere/at/all', '--image', 'Demisto/Python:3'],
  ]) {
    const { status, stderr } = await runCli(argv);
    t.is(status, statusOfCode('E_REFERENCE_INVALID'), stderr);
    t.regex(stderr, /E_REFERENCE_INVALID.*Demisto\/Python:3/);
  }
});

test('the variables that help names are read', async (t) => {
  const env = { ...process.env, PACKFERRY_JOBS: 'many' };
  const jobs = await packferry(['plan', 'x'], { env });
  t.is(jobs.status, 2);
  t.true(jobs.stderr.includes('PACKFERRY_JOBS'), jobs.stderr);
});
