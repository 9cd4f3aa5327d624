import test from 'ava';
import { IndexBuilder } from '../../../src/pack/image-metadata/metadata-index.ts';
import { parseMetadata } from '../../../src/pack/image-metadata/parse.ts';
import { findImages, type Query } from '../../../src/pack/image-metadata/query.ts';
import { metadataText, type MetadataSample } from '../../helpers/metadata-folder.ts';
import { errorOf } from '../../helpers/pack-folder.ts';

const samples: readonly MetadataSample[] = [
  {
    image: 'demisto/crypto',
    tag: '1.0.0.1',
    python: '3.12.13',
    pythonPackages: { requests: '2.31.0', PyYAML: '6.0.3' },
    osPackages: ['libssl3-3.5.7-r0 x86_64 {openssl}'],
  },
  {
    image: 'demisto/7zip',
    tag: 'latest',
    python: '2.7.12',
    pythonPackages: { requests: '2.13.0', 'requests-file': '1.0' },
    osPackages: ['zlib1g:amd64\t1:1.2.8.dfsg-2+b1'],
  },
  { image: 'demisto/powershell', tag: '7.5.0.2', osPackages: ['libssl3-3.1.0-r4 x86_64 {openssl}'] },
];

const builder = new IndexBuilder();
for (const sample of samples) {
  const metadata = parseMetadata(metadataText(sample));
  if (metadata !== undefined) builder.add(metadata);
}
const index = builder.finish();
const open: Query = { pythonPackages: [], osPackages: [], words: [] };

const finds = test.macro({
  exec: (t, query: Partial<Query>, expected: readonly string[]) => {
    const found = findImages(index, { ...open, ...query }).map(({ image, packages }) => {
      const names = packages.map(({ name, version }) => ` ${name} ${version}`).join('');
      return `${image.image.replace('demisto/', '')}${names}`;
    });
    t.deepEqual(found, expected);
  },
  title: (_, query) => `query: ${JSON.stringify(query)}`,
});
test(finds, { pythonPackages: ['requests'] }, ['crypto requests 2.31.0', '7zip requests 2.13.0']);
test(finds, { pythonPackages: ['requests==2.31'] }, ['crypto requests 2.31.0']);
test(finds, { pythonPackages: ['requests==2.31.0'] }, ['crypto requests 2.31.0']);
test(finds, { pythonPackages: ['requests==2.*'] }, ['crypto requests 2.31.0', '7zip requests 2.13.0']);
test(finds, { pythonPackages: ['requests==2.3.*'] }, []);
test(finds, { pythonPackages: ['requests==2.3'] }, []);
test(finds, { pythonPackages: ['pyyaml'] }, ['crypto PyYAML 6.0.3']);
test(finds, { pythonPackages: ['Requests_File'] }, ['7zip requests-file 1.0']);
test(finds, { pythonPackages: ['requests', 'pyyaml'] }, ['crypto requests 2.31.0 PyYAML 6.0.3']);
test(finds, { pythonPackages: ['libssl3'] }, []);
test(finds, { osPackages: ['libssl3'] }, ['crypto libssl3 3.5.7-r0', 'powershell libssl3 3.1.0-r4']);
test(finds, { osPackages: ['libssl3==3.5.7'] }, ['crypto libssl3 3.5.7-r0']);
test(finds, { osPackages: ['libssl3==3.5.7-r0'] }, ['crypto libssl3 3.5.7-r0']);
test(finds, { osPackages: ['libssl3==3.5'] }, []);
test(finds, { osPackages: ['zlib1g==1.2.8.dfsg'] }, ['7zip zlib1g 1:1.2.8.dfsg-2+b1']);
test(finds, { osPackages: ['zlib1g==1:1.2.8.dfsg-2+b1'] }, ['7zip zlib1g 1:1.2.8.dfsg-2+b1']);
test(finds, { osPackages: ['requests'] }, []);
test(finds, { python: '3.12' }, ['crypto']);
test(finds, { python: '3.12.13' }, ['crypto']);
test(finds, { python: '3.1' }, []);
test(finds, { python: '2' }, ['7zip']);
test(finds, { name: 'SHELL' }, ['powershell']);
test(finds, { name: 'shell', osPackages: ['libssl3'] }, ['powershell libssl3 3.1.0-r4']);
test(finds, { words: ['crypt'] }, ['crypto']);
test(finds, { words: ['ssl'] }, ['crypto libssl3 3.5.7-r0', 'powershell libssl3 3.1.0-r4']);
test(finds, { words: ['ssl', 'yaml'] }, ['crypto libssl3 3.5.7-r0 PyYAML 6.0.3']);
test(finds, { words: ['nothing'] }, []);

const refuses = test.macro({
  async exec(t, query: Partial<Query>) {
    await errorOf(t, 'E_USAGE', () => findImages(index, { ...open, ...query }));
  },
  title: (_, query) => `query: ${JSON.stringify(query)} is refused`,
});
test(refuses, { pythonPackages: ['requests>=2'] });
test(refuses, { pythonPackages: ['requests='] });
test(refuses, { osPackages: [''] });
test(refuses, { python: 'three' });
test(refuses, { python: '3.12.*' });
