// The main job on sample data, with nothing but Node: an embedded registry stands in for the network, sample packs are
// exported into a signed bundle, and the bundle is verified and imported.
//
//   npm run demo                 imports into an OCI layout folder
//   npm run demo -- --to docker: imports into the local Docker engine
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import { formatReference } from '../../src/core/reference.ts';
import { silent } from '../../src/core/events.ts';
import { ociLayoutContent } from '../../src/archive/oci-content.ts';
import { processContext, type Context, type Output } from '../../src/cli/context.ts';
import { run } from '../../src/cli/main.ts';
import { select } from '../../src/flows/selection.ts';
import { serveContent } from '../../src/registry/server.ts';
import { sampleImagesFor, writeOciLayout } from './sample-images.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const output = path.join(root, 'demo-output');
const samples = path.join(root, 'manifests', 'sample.yml');

/** A path as one would type it here. */
function short(file: string): string {
  return path.relative(process.cwd(), file) || '.';
}

function say(text = ''): void {
  process.stdout.write(`${text}\n`);
}

/** Runs one packferry command as a user would, and stops the demo when it fails. */
async function packferry(context: Context, ...argv: string[]): Promise<void> {
  say(`$ packferry ${argv.join(' ')}`);
  await runOrStop(context, argv);
}

async function runOrStop(context: Context, argv: readonly string[]): Promise<void> {
  const status = await run(argv, context);
  say();
  if (status !== 0) {
    process.stderr.write(`The demo stopped: the command above ended with status ${status}.\n`);
    process.exit(status);
  }
}

/** Runs a command with its stdout in a file, as `>` does it. */
async function packferryInto(file: string, context: Context, ...argv: string[]): Promise<void> {
  say(`$ packferry ${argv.join(' ')} > ${short(file)}`);
  const chunks: Buffer[] = [];
  const stdout: Output = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk);
      done();
    },
  });
  await runOrStop({ ...context, stdout }, argv);
  await writeFile(file, Buffer.concat(chunks));
}

/** Every reference of the manifest, so that the registry can have an image for each. */
async function referencesOf(manifest: string, signal: AbortSignal): Promise<string[]> {
  const cacheDir = path.join(path.dirname(manifest), 'cache');
  const { wanted } = await select([manifest], { home: '', cacheDir, emit: silent, signal });
  return wanted.map(({ reference }) => formatReference(reference));
}

async function demo(target: string): Promise<void> {
  const stop = new AbortController();
  const real = processContext(stop.signal);
  // The demo must not count among what was really imported here.
  const context = { ...real, env: { ...real.env, PACKFERRY_STATE: path.join(output, 'state') } };
  await rm(output, { recursive: true, force: true });
  await mkdir(output, { recursive: true });

  const manifest = path.join(output, 'demo.yml');
  const isEngine = !target.startsWith('oci:');
  await writeFile(manifest, await manifestFor('', isEngine));
  const references = await referencesOf(manifest, stop.signal);
  const layout = path.join(output, 'registry');
  await writeOciLayout(layout, sampleImagesFor(references));
  const registry = await serveContent(await ociLayoutContent(layout), { host: '127.0.0.1', port: 0 });
  try {
    await writeFile(manifest, await manifestFor(registry.host, isEngine));
    say(
      `An embedded registry at ${registry.host} serves ${references.length} sample images from ${short(layout)}.`,
    );
    say('It stands in for Docker Hub; nothing leaves this machine.\n');

    const key = path.join(output, 'signing-key');
    const trusted = path.join(output, 'allowed_signers');
    const bundle = path.join(output, 'bundle');
    say('1. A key that signs, made once, and the line by which the closed side trusts it:\n');
    const keygen = ['keygen', '-o', short(key), '--principal', 'demo-builder', '--no-passphrase'];
    await packferryInto(trusted, context, ...keygen);
    say('2. On the connected side: what would be carried, then the bundle itself:\n');
    await packferry(context, 'plan', short(manifest));
    await packferry(context, 'export', short(manifest), '-o', short(bundle), '--key', short(key));
    say('3. On the closed side: verify, then import:\n');
    await packferry(context, 'verify', short(bundle), '--trusted-keys', short(trusted));
    await packferry(
      context,
      'import',
      short(bundle),
      '--trusted-keys',
      short(trusted),
      '--to',
      target,
      '--yes',
    );
    say(closing(bundle, trusted, target, references));
  } finally {
    await registry.close();
  }
}

/**
 * The sample manifest, with the embedded registry as a mirror of Docker Hub. An engine gets no default image: its name
 * is a real one, and a sample must not stand under it.
 */
async function manifestFor(registry: string, isEngine: boolean): Promise<string> {
  const text = (await readFile(samples, 'utf8')).replaceAll(' sample-packs/', ' ../manifests/sample-packs/');
  const mirrors = registry === '' ? '[]' : `["${registry}"]`;
  return `${isEngine ? text.replace('defaultImages: true', 'defaultImages: false') : text}
# The demo's own registry stands in for Docker Hub.
registries:
  docker.io:
    mirrors: ${mirrors}
`;
}

function closing(bundle: string, trusted: string, target: string, references: readonly string[]): string {
  const where = target.startsWith('oci:')
    ? `the images  ${target.slice('oci:'.length)} (an OCI image layout)`
    : `the images  in ${target}; remove them with: docker image rm ${references.join(' ')}`;
  return `Done. Look at
  the bundle  ${short(bundle)} (README.txt in it tells how to check and load it without packferry)
  ${where}

The same with your own packs:
  node bin/packferry.js keygen -o ~/.ssh/packferry --principal my-builder > allowed_signers
  node bin/packferry.js plan path/to/Packs/MyPack
  node bin/packferry.js export path/to/Packs/MyPack -o my-bundle --key ~/.ssh/packferry
  node bin/packferry.js import my-bundle --trusted-keys allowed_signers

Check this bundle with stock tools:
  cd ${short(bundle)}
  ssh-keygen -Y verify -f ${path.relative(bundle, trusted)} -I demo-builder -n bundle@packferry -s SHA256SUMS.sig < SHA256SUMS
  sha256sum --strict -c SHA256SUMS`;
}

const { values } = parseArgs({ options: { to: { type: 'string' } } });
await demo(values.to ?? `oci:${short(path.join(output, 'imported'))}`);
