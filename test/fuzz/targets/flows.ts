import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseImageName } from '../../../src/flows/usage-name.ts';
import { endpointsOf } from '../../../src/flows/hosts/endpoints.ts';
import { chooseHosts } from '../../../src/flows/hosts/choose.ts';
import { parseHosts } from '../../../src/flows/hosts/read-hosts.ts';
import { loadExportManifest } from '../../../src/flows/load-manifest.ts';
import { parseSshEndpoint } from '../../../src/engine/ssh-endpoint.ts';
import { silent } from '../../../src/core/events.ts';
import { limits } from '../../../src/core/limits.ts';
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

/** Whatever a file of hosts says, what comes of it are endpoints as people could write them. */
function readHostsFile(input: Buffer): void {
  const hosts = parseHosts(input.toString('utf8'), 'hosts', silent);
  assert.ok(hosts.length > 0 && hosts.length <= limits.hosts);
  for (const { url } of endpointsOf(hosts, 'hosts')) {
    if (url.startsWith('ssh:')) assert.equal(parseSshEndpoint(url.slice('ssh:'.length)).name, url);
    else assert.match(url, /^(?:docker|podman):(?:$|\?sudo$|\?as=|unix:\/\/\/)/);
  }
}

const hostsCodes = ['E_HOSTS_INVALID'] as const;

export const hostsIni: Target = {
  name: 'flows/hosts-ini',
  valid: () => [
    Buffer.from(`lone.example
[apps]
app[1:3] ansible_host=10.0.0.1 # comment
app9:2222 ansible_user='soc' ansible_password="x y"
[engines:children]
apps
[engines:vars]
packferry_engine = podman
ansible_become=yes
packferry_socket=/run/x
`),
  ],
  mutations: anyText,
  codes: hostsCodes,
  runs: 350,
  read: readHostsFile,
};

export const hostsAnsible: Target = {
  name: 'flows/hosts-ansible-yaml',
  valid: () => [
    Buffer.from(`all:
  hosts: { lone.example: }
  vars: { ansible_user: root, ansible_port: 22 }
  children:
    apps:
      hosts:
        app[01:03].x: { ansible_host: 10.0.0.1, packferry_as: demisto }
    engines: { children: { apps: } }
`),
  ],
  mutations: anyYaml,
  codes: hostsCodes,
  runs: 350,
  read: readHostsFile,
};

export const hostsOwn: Target = {
  name: 'flows/hosts-own',
  valid: () => [
    Buffer.from(`schema: packferry.hosts/v1
defaults: { user: root, port: 2222 }
hosts:
  app2: { address: 10.0.0.2, sudo: true }
  lone.example:
groups:
  apps: { hosts: [app1, app2], engine: docker }
  engines: { hosts: ['e[1:9].x'], as: demisto, socket: /run/x, children: [apps] }
`),
  ],
  mutations: anyYaml,
  codes: hostsCodes,
  runs: 350,
  read: readHostsFile,
};

export const hostsLimit: Target = {
  name: 'flows/hosts-limit',
  valid: () => ['apps:!app3', 'app*,&east', 'all', '!engine[ab]'].map((text) => Buffer.from(text)),
  mutations: anyText,
  codes: ['E_USAGE'],
  read: (input) => {
    const hosts = parseHosts('[apps]\napp[1:9]\n[east]\napp1\nenginea\n', 'hosts', silent);
    assert.ok(chooseHosts(hosts, { limit: input.toString('utf8') }).every((host) => hosts.includes(host)));
  },
};
