import test from 'ava';
import { composeImage, noise, type ComposedImage } from '../../bin/demo/sample-images.ts';
import { totalSize, uniqueBlobs } from '../../src/core/image.ts';
import { importReport } from '../../src/schema/reports.ts';
import { runCli } from '../helpers/cli-run.ts';
import { withImportSite } from '../helpers/import-site.ts';
import { stagedImport, withStagedFar } from '../helpers/staged-far.ts';
import { engineKinds } from '../helpers/system-engine-kinds.ts';
import { sshdNeeds } from '../helpers/system-sshd.ts';
import { needing } from '../helpers/system-tools.ts';

const on = (base: ComposedImage | undefined, name: string, size: number): ComposedImage =>
  composeImage({ ...(base && { base }), files: [{ path: name, content: noise(name, size) }] });

for (const kind of engineKinds.filter(({ name }) => name.startsWith('installed '))) {
  test.serial(
    `${kind.name} over SSH: a delta bundle in one stream and staged, thin, refused and lent`,
    needing([...sshdNeeds, ...kind.needs], async (t) => {
      const run = (far: Parameters<typeof withStagedFar>[1]) => withStagedFar(kind, far);
      await run((far) =>
        withImportSite(async (site) => {
          for (const [at, way] of ['stream', 'staged'].entries()) {
            const base = on(undefined, `${way}-os`, 200_000);
            const old = await site.make(
              `${way}-old`,
              { [`docker.io/demisto/${way}-base:1`]: base },
              { sequence: 41 + at * 10 },
            );
            const one = { [`docker.io/demisto/${way}-one:1`]: on(base, `${way}-one`, 3000) };
            const two = { [`docker.io/demisto/${way}-two:1`]: on(base, `${way}-two`, 3000) };
            const delta = await site.make(`${way}-delta`, one, { base: old, sequence: 42 + at * 10 });
            const next = await site.make(`${way}-next`, two, { base: old, sequence: 43 + at * 10 });
            const argvOf = (bundle: typeof delta): string[] => {
              const argv = [...stagedImport(far, site, bundle), '--json'];
              if (way === 'stream') argv.splice(argv.indexOf('--stage-dir'), 2);
              return argv;
            };
            const before = await far.images();
            const refused = await runCli(argvOf(delta));
            t.is(refused.status, 6, refused.stdout + refused.stderr);
            t.regex(refused.stderr, /error\[E_BASE_MISSING\]: nothing was sent: .* lacks 1 layer/);
            t.is(await far.images(), before);

            const lent = await runCli([...argvOf(delta), '--with', old.dir]);
            t.is(lent.status, 0, lent.stderr);
            const [image] = importReport.parse(JSON.parse(lent.stdout)).targets[0]?.images ?? [];
            t.like(image, { status: 'loaded', bytesSent: totalSize(uniqueBlobs(delta.images)) });

            // Now it has what the next one stands on.
            const thin = await runCli(argvOf(next));
            t.is(thin.status, 0, thin.stderr);
            const [sent] = importReport.parse(JSON.parse(thin.stdout)).targets[0]?.images ?? [];
            t.like(sent, {
              status: 'loaded',
              bytesSent: next.bytes,
              bytesSkipped: totalSize(old.images[0]?.layers ?? []),
            });
          }
          t.deepEqual(await far.folders(), []);
        }),
      );
    }),
  );
}
