import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { serveBundle } from '../helpers/served-bundle.ts';
import { withBundleFixture } from '../helpers/bundle-fixture.ts';
import { execTool } from '../helpers/system-exec.ts';
import { needing, systemTools } from '../helpers/system-tools.ts';

// docs/serve.md tells how the program is made.
test.serial(
  'the conformance suite of the OCI distribution specification passes against a served bundle, for what only reads',
  needing(['oci-conformance'], async (t) => {
    await withBundleFixture(async (fixture) => {
      const dir = path.join(fixture.folder, 'bundle');
      await fixture.write(dir);
      const { url, faults } = await serveBundle(t, [await fixture.open(dir)]);
      const [image] = fixture.images;
      if (image === undefined) return t.fail();
      const results = path.join(fixture.folder, 'results');
      await mkdir(results);
      const ran = await execTool(systemTools().path('oci-conformance'), [], {
        cwd: fixture.folder,
        env: {
          OCI_REGISTRY: new URL(url).host,
          OCI_TLS: 'disabled',
          OCI_REPO1: 'demisto/python3',
          OCI_RESULTS_DIR: results,
          OCI_API_PUSH: 'false',
          OCI_API_BLOBS_DELETE: 'false',
          OCI_API_MANIFESTS_DELETE: 'false',
          OCI_API_TAGS_DELETE: 'false',
          OCI_API_BLOBS_DIGEST_HEADER: 'true',
          OCI_RO_DATA_TAGS: '3.12.13.1',
          OCI_RO_DATA_MANIFESTS: image.manifest.digest,
          OCI_RO_DATA_BLOBS: [image.config, ...image.layers].map(({ digest }) => digest).join(' '),
        },
      });
      t.regex(ran.stdout, /^OCI Conformance Result: Pass$/m, ran.stdout + ran.stderr);
      t.regex(ran.stdout, /^ {2}Pass\.+: +[1-9][0-9]$/m);
      t.regex(ran.stdout, /^ {2}FAIL\.+: +0$/m);
      for (const endpoint of [
        'Blob get',
        'Blob head',
        'Manifest get by tag',
        'Manifest head by digest',
        'Tag listing',
      ])
        t.regex(ran.stdout, new RegExp(`^ {2}${endpoint}\\.+: +Pass$`, 'm'));
      t.deepEqual(faults, []);
    });
  }),
);
