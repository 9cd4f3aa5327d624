import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseImageName } from '../../../src/flows/usage-name.ts';
import { loadExportManifest } from '../../../src/flows/load-manifest.ts';
import { parseSource } from '../../../src/flows/source-endpoint.ts';
import { readWitnessPage } from '../../../src/pack/witness-page.ts';
import { anyText } from '../mutate/text.ts';
import { anyYaml } from '../mutate/yaml.ts';
import type { Target } from '../target.ts';

export const manifest: Target = {
  name: 'flows/manifest',
  valid: () => [
    Buffer.from(`schema: packferry.export/v1
name: soc
packs:
  - path: Packs
  - { marketplace: Sample, version: 1.2.3, dependencies: all }
images:
  - demisto/python3:1.10
  - { reference: demisto/crypto:1.0, from: ['docker-archive:x.tar', 'registry:'] }
  - { pattern: 'demisto/*', from: 'oci:layout' }
platform: linux/amd64
exclude: ['demisto/ml:*']
include: { native: ['8.8'], nativeConfig: native.json, alternatives: true }
policy: { latest: error, organizations: [demisto] }
registries:
  docker.io: { mirrors: ['mirror.example:5000/hub'], plainHttp: true }
bundle: { volumeSize: 2GiB, expiresAfter: 90d, audience: [site-a], packs: true }
sign: { keys: [~/key] }
`),
  ],
  mutations: anyYaml,
  codes: ['E_MANIFEST_INVALID', 'E_MANIFEST_UNREADABLE'],
  runs: 350,
  read: async (input, folder) => {
    const file = path.join(folder, 'soc.yml');
    await writeFile(file, input);
    const read = await loadExportManifest(file, { home: '/home/me' });
    assert.ok(Number.isSafeInteger(read.volumeSize) && read.volumeSize > 0);
    for (const { reference } of read.images) assert.doesNotMatch(reference.repository, /[^a-z0-9._/-]/);
    for (const { text } of read.packs) assert.ok(path.isAbsolute(text));
  },
};

const digest = 'a'.repeat(64);

export const witnessPage: Target = {
  name: 'flows/witness-page',
  valid: () => [
    Buffer.from(
      `# \`demisto/python3:3.12.13.1\`\n\n## Docker Metadata\n- Image ID: \`sha256:${digest}\`\n\n## Docker Trust\n\`\`\`\n3.12.13.1   ${digest}   (Repo Admin)\n\`\`\`\n## Python Packages\n`,
    ),
  ],
  mutations: anyText,
  codes: [],
  runs: 350,
  read: (input) => {
    const page = readWitnessPage(input.toString('utf8'), 'demisto/python3:3.12.13.1', '3.12.13.1');
    for (const found of [page?.imageId, page?.manifest])
      assert.ok(found === undefined || /^sha256:[0-9a-f]{64}$/.test(found));
  },
};

/** What a person writes on the command line or in a manifest for a place that has images. */
export const endpoints: Target = {
  name: 'flows/endpoints',
  valid: () =>
    [
      'registry:',
      'registry://mirror.example:5000/hub',
      'docker-archive:save.tar',
      'oci:layout',
      'docker:',
      'demisto/x:1',
    ].map((text) => Buffer.from(text)),
  mutations: anyText,
  codes: ['E_ENDPOINT_INVALID', 'E_USAGE', 'E_REFERENCE_INVALID', 'E_MANIFEST_INVALID'],
  runs: 350,
  read: (input) => {
    const text = input.toString('utf8');
    if (/^[a-z]+\/|:[0-9.]+$/.test(text)) parseImageName(text);
    else parseSource(text, (written) => path.resolve('/base', written));
  },
};
