import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { headerBlock, paddingOf } from '../../src/archive/tar-frame.ts';
import { bundleNamespace } from '../../src/trust/verify.ts';
import { openSigner } from '../../src/trust/signer.ts';
import { runCli } from '../helpers/cli-run.ts';
import { withSite, type Site } from '../helpers/cli-site.ts';
import { lockComposed } from '../helpers/compose.ts';
import { engineTest, type EngineBench } from '../helpers/system-engines.ts';
import { composedSource } from '../helpers/system-images.ts';

const victim = composeImage({ files: [{ path: 'victim', content: noise('victim', 3000) }] });
const victimOf = (reference: string) => lockComposed(reference, victim);

/** All that the engine holds, with names and IDs. */
const snapshot = async ({ engine }: EngineBench): Promise<string> => {
  const told = await engine.run(['images', '--all', '--no-trunc']);
  return (typeof told === 'string' ? told : told.stdout).replaceAll(/\s+(About )?\w+ \w+ ago\s+/g, ' ');
};

const importing = ({ importing: argv }: Site, { kind, engine }: EngineBench, more: readonly string[] = []) =>
  runCli([...argv, '--to', `${kind.product}:unix://${engine.socket}`, '--yes', ...more]);

engineTest('threat 14: a signed name that stands for another image there is not moved', async (t, bench) => {
  await withSite(async (site) => {
    t.is((await runCli(site.exporting)).status, 0);
    const locked = victimOf('docker.io/demisto/crypto:1.0.0.1');
    await bench.target.deliver(locked, composedSource([victim]));
    const before = await snapshot(bench);

    const ran = await importing(site, bench);
    t.is(ran.status, 6, ran.stderr);
    t.true(ran.stderr.includes('E_TAG_CONFLICT'), ran.stderr);
    t.true(ran.stderr.includes('docker.io/demisto/crypto:1.0.0.1'), ran.stderr);
    t.is(await snapshot(bench), before, 'nothing at all was loaded');
    t.like(await bench.target.confirm(locked), { confirmed: true });
  });
});

engineTest(
  'threat 14: an archive that claims one more name, under a good signature, is not loaded',
  async (t, bench) => {
    await withSite(async (site) => {
      t.is((await runCli(site.exporting)).status, 0);
      const locked = victimOf('docker.io/demisto/victim:1.0');
      await bench.target.deliver(locked, composedSource([victim]));
      const before = await snapshot(bench);
      await claimName(site, locked.reference);

      const ran = await importing(site, bench);
      t.is(ran.status, 4, ran.stderr);
      t.true(ran.stderr.includes('images-001.tar'), ran.stderr);
      t.is(await snapshot(bench), before);
      t.like(await bench.target.confirm(locked), { confirmed: true });
    });
  },
);

/** A builder that went bad: the archive has one more name, and everything is signed by the trusted key again. */
async function claimName(site: Site, name: string): Promise<void> {
  const file = path.join(site.bundle, 'images-001.tar');
  const archive = await readFile(file);
  const header = archive.indexOf('manifest.json');
  const size = Number.parseInt(archive.subarray(header + 124, header + 135).toString(), 8);
  const end = header + 512 + size + paddingOf(size);
  const document = JSON.parse(archive.subarray(header + 512, header + 512 + size).toString()) as [
    { RepoTags: string[] },
  ];
  document[0].RepoTags.push(name);
  const content = Buffer.from(JSON.stringify(document));
  const member = [
    headerBlock('manifest.json', content.length),
    content,
    Buffer.alloc(paddingOf(content.length)),
  ];
  const changed = Buffer.concat([archive.subarray(0, header), ...member, archive.subarray(end)]);
  await writeFile(file, changed);

  const described = path.join(site.bundle, 'bundle.json');
  const [was, is] = [sha256(archive), sha256(changed)];
  const text = (await readFile(described, 'utf8'))
    .replaceAll(was, is)
    .replace(`"size": ${archive.length}`, `"size": ${changed.length}`);
  const sums = path.join(site.bundle, 'SHA256SUMS');
  const list = (await readFile(sums, 'utf8'))
    .replace(was, is)
    .replace(sha256(await readFile(described)), sha256(Buffer.from(text)));
  await writeFile(described, text);
  await writeFile(sums, list);
  const signer = await openSigner({ name: 'key', text: await readFile(site.key) });
  await writeFile(`${sums}.sig`, await signer.sign(Buffer.from(list), bundleNamespace));
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
