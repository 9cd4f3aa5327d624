import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { PackferryError } from '../../src/core/errors.ts';
import { loadExportManifest } from '../../src/flows/load-manifest.ts';
import { errorOf, folderWith } from '../helpers/pack-folder.ts';

const head = 'schema: packferry.export/v1\nname: soc\n';

async function mistakesOf(t: ExecutionContext, text: string): Promise<readonly PackferryError[]> {
  const file = path.join(await folderWith(t, { 'm.yml': text }), 'm.yml');
  const error = await errorOf(t, 'E_MANIFEST_INVALID', () => loadExportManifest(file));
  const mistakes = error.errors.length === 0 ? [error] : error.errors;
  for (const mistake of mistakes) {
    t.is(mistake.code, 'E_MANIFEST_INVALID');
    t.true(mistake.message.startsWith(`${file}:`), mistake.message);
  }
  return mistakes;
}

/** `line:column` of each mistake. */
function places(mistakes: readonly PackferryError[]): (string | undefined)[] {
  return mistakes.map(({ message }) => /m\.yml:([0-9]+:[0-9]+): /.exec(message)?.[1]);
}

const refuses = test.macro(async (t, text: string, place: string, words: RegExp) => {
  const mistakes = await mistakesOf(t, text);
  t.deepEqual(places(mistakes), [place], mistakes.map(({ message }) => message).join('\n'));
  t.regex(mistakes[0]?.message ?? '', words);
});

const hints = test.macro(async (t, text: string, hint: string) => {
  const [mistake] = await mistakesOf(t, text);
  t.true(mistake?.hint?.startsWith(hint), mistake?.hint);
});

test('an unknown key', refuses, `${head}images: [a]\npakcs: []\n`, '4:1', /"pakcs".*"packs"/);
test('an unknown key inside', refuses, `${head}packs: [{path: a, pth: b}]\n`, '3:19', /"pth".*"path"/);
test(
  'an unknown key of a registry',
  refuses,
  `${head}images: [a]\nregistries:\n  r.io: {mirorrs: []}\n`,
  '5:10',
  /"mirrors"/,
);
test(
  'an unknown key of an image',
  refuses,
  `${head}images: [{reference: a, digset: b}]\n`,
  '3:25',
  /"digset"/,
);
test(
  'keys that several shapes know are told once',
  hints,
  `${head}images: [{reference: a, digset: b}]\n`,
  'Known here: reference, from, pattern.',
);
test('no schema', refuses, 'name: soc\nimages: [a]\n', '1:1', /schema.*packferry\.export\/v1/);
test(
  'another schema',
  refuses,
  'schema: packferry.lock/v1\nname: soc\nimages: [a]\n',
  '1:9',
  /packferry\.export\/v1/,
);
test('no name', refuses, 'schema: packferry.export/v1\nimages: [a]\n', '1:1', /name is missing/);
test(
  'a name with capitals',
  refuses,
  'schema: packferry.export/v1\nname: SOC\nimages: [a]\n',
  '2:7',
  /lower-case/,
);
test('nothing to bundle', refuses, head, '1:1', /neither packs nor images/);
test('empty lists', refuses, `${head}packs: []\nimages: []\n`, '1:1', /neither packs nor images/);
test('a key without value', refuses, `${head}packs:\nimages: [a]\n`, '3:7', /packs must be a list/);
test('a text instead of a list', refuses, `${head}packs: a\n`, '3:8', /packs must be a list, but is a text/);
test('a text instead of a mapping', refuses, `${head}packs: [a]\n`, '3:9', /packs\[0\] must be a mapping/);
test('a number as image', refuses, `${head}images: [3]\n`, '3:10', /a text or a mapping/);
test('a bad reference', refuses, `${head}images:\n  - demisto/X:1\n`, '4:5', /images\[0\]: "demisto\/X:1"/);
test('a bad reference inside', refuses, `${head}images: [{reference: a@b}]\n`, '3:22', /"a@b"/);
test('an empty reference', refuses, `${head}images: [""]\n`, '3:10', /images\[0\]/);
test('a bad platform', refuses, `${head}images: [a]\nplatform: linux\n`, '4:11', /os\/architecture/);
test('a bad size', refuses, `${head}images: [a]\nbundle: {volumeSize: 4PB}\n`, '4:22', /volumeSize/);
test(
  'a size of nothing',
  refuses,
  `${head}images: [a]\nbundle: {volumeSize: 0GB}\n`,
  '4:22',
  /less than one byte/,
);
test('a negative size', refuses, `${head}images: [a]\nbundle: {volumeSize: -1}\n`, '4:22', /volumeSize/);
test(
  'a text instead of true',
  refuses,
  `${head}images: [a]\ninclude: {testPlaybooks: "yes"}\n`,
  '4:26',
  /true or false/,
);
test(
  'YAML 1.1 truth',
  refuses,
  `${head}images: [a]\ninclude: {testPlaybooks: yes}\n`,
  '4:26',
  /true or false/,
);
test(
  'a registry that is no host',
  refuses,
  `${head}images: [a]\nregistries:\n  acme: {}\n`,
  '5:3',
  /"acme" is no registry host/,
);
test(
  'a registry with a scheme',
  refuses,
  `${head}images: [a]\nregistries:\n  https://r.io: {}\n`,
  '5:3',
  /scheme/,
);
test(
  'a registry with a path that is none',
  refuses,
  `${head}images: [a]\nregistries:\n  r.io/Acme: {}\n`,
  '5:3',
  /"r\.io\/Acme" is no registry host/,
);
test(
  'a path of a registry twice',
  refuses,
  `${head}images: [a]\nregistries:\n  docker.io/acme: {}\n  index.docker.io/acme: {}\n`,
  '6:3',
  /docker\.io\/acme has settings already/,
);
test(
  'a location with a scheme',
  refuses,
  `${head}images: [a]\nregistries: {docker.io: {location: "https://m.io"}}\n`,
  '4:36',
  /scheme/,
);
test(
  'a location that is empty',
  refuses,
  `${head}images: [a]\nregistries: {docker.io: {location: ""}}\n`,
  '4:36',
  /location/,
);
test(
  'a client certificate without its key',
  refuses,
  `${head}images: [a]\nregistries: {r.io: {clientCert: c.pem}}\n`,
  '4:21',
  /clientKey beside it/,
);
test(
  'a client key without its certificate',
  refuses,
  `${head}images: [a]\nregistries: {r.io: {caFile: ca.pem, clientKey: k.pem}}\n`,
  '4:37',
  /clientCert beside it/,
);
test(
  'a registry twice',
  refuses,
  `${head}images: [a]\nregistries:\n  docker.io: {}\n  index.docker.io: {}\n`,
  '6:3',
  /docker\.io/,
);
test(
  'a mirror with a scheme',
  refuses,
  `${head}images: [a]\nregistries: {r.io: {mirrors: ["http://m.io"]}}\n`,
  '4:31',
  /scheme/,
);
test(
  'a mirror that is no host',
  refuses,
  `${head}images: [a]\nregistries: {r.io: {mirrors: [m]}}\n`,
  '4:31',
  /"m" is no registry host/,
);
test(
  'a mirror with a tag',
  refuses,
  `${head}images: [a]\nregistries: {r.io: {mirrors: [m.io/a:1]}}\n`,
  '4:31',
  /"m\.io\/a:1"/,
);
test(
  'more keys than people sign with',
  refuses,
  `${head}images: [a]\nsign: {keys: [${Array.from({ length: 101 }, (_, at) => `k${at}`).join(', ')}]}\n`,
  '4:14',
  /at most 100/,
);
test('a home folder that is not known', refuses, `${head}packs: [{path: ~/a}]\n`, '3:16', /home folder/);
test(
  'an unknown policy',
  refuses,
  `${head}images: [a]\npolicy: {latest: maybe}\n`,
  '4:18',
  /resolve or warn or error/,
);
test(
  'no organisation',
  refuses,
  `${head}images: [a]\npolicy: {organizations: [A]}\n`,
  '4:26',
  /"A" is no organ/,
);
test(
  'native images without a file',
  refuses,
  `${head}images: [a]\ninclude: {native: ["8.8"]}\n`,
  '4:11',
  /nativeConfig/,
);
test(
  'a native file without versions',
  refuses,
  `${head}images: [a]\ninclude: {nativeConfig: n}\n`,
  '4:11',
  /include\.native/,
);
test(
  'a number as version',
  refuses,
  `${head}images: [a]\ninclude: {native: [8.8], nativeConfig: n}\n`,
  '4:20',
  /a text/,
);
test('a bad pattern', refuses, `${head}images: [a]\nexclude: ["demisto/[ml"]\n`, '4:11', /not closed/);
test(
  'a bad time span',
  refuses,
  `${head}images: [a]\nbundle: {expiresAfter: soon}\n`,
  '4:24',
  /"soon" is no time span/,
);
test(
  'an origin over SSH that names no host',
  refuses,
  `${head}images: [{reference: a, from: "ssh://"}]\n`,
  '3:31',
  /no host of SSH/,
);
test(
  'a slip in an origin',
  hints,
  `${head}images: [{reference: a, from: "dokcer:"}]\n`,
  'Did you mean docker:?',
);
test(
  'a slip in a chain',
  hints,
  `${head}images: [{reference: a, from: ["registry:", "podmn:unix:///x"]}]\n`,
  'Did you mean podman:unix:///x?',
);
test(
  'an origin in a chain that is none',
  refuses,
  `${head}images:\n  - reference: a\n    from:\n      - "registry:"\n      - r.io\n`,
  '7:9',
  /images\[0\]\.from\[1\]: "r\.io" is no source/,
);
test(
  'an origin without a path',
  refuses,
  `${head}images: [{reference: a, from: "oci:"}]\n`,
  '3:31',
  /path is missing/,
);
test(
  'an engine with a password',
  refuses,
  `${head}images: [{reference: a, from: "docker:tcp://u:p@h"}]\n`,
  '3:31',
  /no address of an engine/,
);
test(
  'an engine at a relative socket',
  refuses,
  `${head}images: [{reference: a, from: "podman:unix://x"}]\n`,
  '3:31',
  /no address of an engine/,
);
test(
  'a registry as origin without slashes',
  refuses,
  `${head}images: [{reference: a, from: "registry:r.io"}]\n`,
  '3:31',
  /two slashes/,
);
test('an empty chain', refuses, `${head}images: [{reference: a, from: []}]\n`, '3:31', /images\[0\]\.from/);
test(
  'a chain of numbers',
  refuses,
  `${head}images: [{reference: a, from: [1]}]\n`,
  '3:32',
  /from\[0\] must be a text/,
);
test(
  'a pattern without origin',
  refuses,
  `${head}images: [a, {pattern: "localhost/*"}]\n`,
  '3:13',
  /images\[1\]: one of these keys is missing: reference, from/,
);
test(
  'a bad pattern with an origin',
  refuses,
  `${head}images: [a, {pattern: "local[", from: "docker:"}]\n`,
  '3:23',
  /not closed/,
);
test(
  'patterns only',
  refuses,
  `${head}images: [{pattern: "localhost/*", from: "docker:"}]\n`,
  '1:1',
  /neither packs nor images/,
);
test(
  'a pattern and a reference in one',
  refuses,
  `${head}images: [{reference: a, pattern: "b/*", from: "docker:"}]\n`,
  '3:10',
  /do not go together/,
);
test(
  'a home folder in an origin that is not known',
  refuses,
  `${head}images: [{reference: a, from: "oci:~/layout"}]\n`,
  '3:31',
  /home folder is not known/,
);
test(
  'an origin without scheme',
  refuses,
  `${head}images: [{reference: a, from: r.io}]\n`,
  '3:31',
  /"r\.io" is no source of images/,
);
test(
  'an origin that is no host',
  refuses,
  `${head}images: [{reference: a, from: "registry://x"}]\n`,
  '3:31',
  /"x" is no registry host/,
);
test(
  'two origins of one image',
  refuses,
  `${head}images:\n  - {reference: a, from: registry://r.io}\n  - {reference: a, from: registry://s.io}\n`,
  '5:26',
  /another origin/,
);
test('a pack without anything', refuses, `${head}packs: [{}]\n`, '3:9', /path, marketplace, xsoarConfig/);
test(
  'a pack twice over',
  refuses,
  `${head}packs: [{path: a, marketplace: b}]\n`,
  '3:9',
  /do not go together/,
);
test('a misspelt kind of pack', refuses, `${head}packs: [{marketplce: b}]\n`, '3:10', /"marketplace"/);
test(
  'a version of a path',
  refuses,
  `${head}packs: [{path: a, version: 1.0.0}]\n`,
  '3:19',
  /"version" does not/,
);
test(
  'a number as version of a pack',
  refuses,
  `${head}packs: [{marketplace: a, version: 1.0}]\n`,
  '3:35',
  /version must be a text/,
);
test(
  'unknown dependencies',
  refuses,
  `${head}packs: [{marketplace: a, dependencies: some}]\n`,
  '3:40',
  /none or mandatory or all/,
);
test('an empty name of a pack', refuses, `${head}packs: [{marketplace: ""}]\n`, '3:23', /is empty/);
test(
  'a marketplace that is no address',
  refuses,
  `${head}packs: [{marketplace: a}]\nmarketplace: {url: "ftp://m.io"}\n`,
  '4:20',
  /no address of a marketplace/,
);
test(
  'packs that are no truth',
  refuses,
  `${head}images: [a]\nbundle: {packs: [x]}\n`,
  '4:17',
  /true or false/,
);
test(
  'an importer for another platform',
  refuses,
  `${head}images: [a]\nbundle: {importer: [linux-arm64]}\n`,
  '4:21',
  /must be linux-x64/,
);
test('an audience of nobody', refuses, `${head}images: [a]\nbundle: {audience: []}\n`, '4:20', /is empty/);
test(
  'an audience that is no list',
  refuses,
  `${head}images: [a]\nbundle: {audience: site-a}\n`,
  '4:20',
  /must be a list/,
);
test(
  'a site whose name others would write in another way',
  refuses,
  `${head}images: [a]\nbundle: {audience: [site-b, "Site A"]}\n`,
  '4:29',
  /lower-case letters/,
);
test(
  'a version whose last digit YAML would drop',
  refuses,
  `${head}images: [a]\ninclude: {nativeConfig: n.json, native: [8.10]}\n`,
  '4:42',
  /a number: put it in quotes/,
);
test('a list', refuses, '- a\n', '1:1', /the manifest must be a mapping/);
test('an empty file', refuses, '', '1:1', /the manifest must be a mapping/);
test('a key twice', refuses, `${head}images: [a]\nname: b\n`, '4:1', /"name" stands here twice/);
test('broken YAML', refuses, `${head}images: [a\n`, '4:1', /\]/);

test('all mistakes come at once, in the order of the file', async (t) => {
  const mistakes = await mistakesOf(
    t,
    [
      ...['schema: packferry.export/v1', 'name: A B', 'pakcs: []', 'packs: [{path: ~/x}, 3]'],
      ...[
        'images: [demisto/X, 3, ok, "a@b"]',
        'registries: {acme: {mirror: 1}}',
        'bundle: {volumeSize: none}',
        '',
      ],
    ].join('\n'),
  );
  t.deepEqual(places(mistakes), [
    '2:7',
    '3:1',
    '4:16',
    '4:22',
    '5:10',
    '5:21',
    '5:28',
    '6:14',
    '6:21',
    '7:22',
  ]);
});

test('a newer manifest: nothing else is said of it', async (t) => {
  const mistakes = await mistakesOf(t, 'schema: packferry.export/v2\nnew: thing\n');
  t.deepEqual(places(mistakes), ['1:9']);
  t.regex(mistakes[0]?.message ?? '', /packferry\.export\/v2 is newer/);
  t.regex(mistakes[0]?.hint ?? '', /newer packferry/);
});

test('the cause of a bad reference is kept', async (t) => {
  const [mistake] = await mistakesOf(t, `${head}images: [A]\n`);
  t.like(mistake?.cause, { code: 'E_REFERENCE_INVALID' });
  t.truthy(mistake?.hint);
});
