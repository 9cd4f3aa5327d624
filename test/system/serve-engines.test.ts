import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { engineKinds, withEngine, type EngineKind } from '../helpers/system-engine-kinds.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { withBaseAndDelta } from '../helpers/base-and-delta.ts';
import { documentOf, withServing, withServingSite } from '../helpers/serve-process.ts';
import { execOk } from '../helpers/system-exec.ts';
import { needing, systemTools } from '../helpers/system-tools.ts';
import type { Dockerd } from '../helpers/system-dockerd.ts';
import type { Podman } from '../helpers/system-podman.ts';

/** Pulls with the engine's own command; returns the ID that the engine gives to the image. */
async function pulled(
  t: ExecutionContext,
  kind: EngineKind,
  engine: Dockerd | Podman,
  image: string,
): Promise<string> {
  const run = async (args: readonly string[]): Promise<string> => {
    const ran = await engine.run(args);
    if (typeof ran === 'string') return ran;
    t.is(ran.status, 0, ran.stderr);
    return ran.stdout;
  };
  await run(['pull', ...(kind.product === 'podman' ? ['--tls-verify=false'] : []), image]);
  const id = await run(['image', 'inspect', '--format', '{{.Id}}', image]);
  return id.trim().replace(/^(?!sha256:)/, 'sha256:');
}

/** Sends Docker Hub's names to this server. */
function withMirror(kind: EngineKind, host: string): EngineKind {
  const registries = `[[registry]]\nprefix = "docker.io"\nlocation = "${host}"\ninsecure = true\n`;
  return kind.product === 'docker'
    ? { ...kind, options: { ...kind.options, settings: { 'registry-mirrors': [`http://${host}`] } } }
    : { ...kind, options: { ...kind.options, registries } };
}

for (const kind of engineKinds) {
  test.serial(
    `${kind.name}: pulls what is served, by the address of the server and as from Docker Hub`,
    needing(kind.needs, async (t) => {
      await withServingSite(t, async ({ serving, bundle }) => {
        await withServing(t, serving, async ({ host, log }) => {
          await withEngine(withMirror(kind, host), async (engine) => {
            const { images } = await documentOf(bundle);
            for (const [index, { reference, manifest, config }] of images.entries()) {
              const wanted = kind.idOf === 'config' ? config.digest : manifest.digest;
              const name = reference.replace(/^docker\.io\//, index === 0 ? 'docker.io/' : `${host}/`);
              t.is(await pulled(t, kind, engine, name), wanted, name);
            }
          });
          t.notRegex(log(), /BROKEN OFF|warning: (?!first use)/);
        });
      });
    }),
  );
}

test.serial(
  'docker, podman and skopeo pull a delta that is served together with its base',
  needing(['dockerd', 'docker', 'podman', 'skopeo', 'root'], async (t) => {
    await withBaseAndDelta(async ({ delta, base, trusted, folder, newer }) => {
      const trust = ['--trusted-keys', trusted, '--state', path.join(folder, 'state')];
      await withServing(t, [delta, base, ...trust, '--listen', '127.0.0.1:0'], async ({ host, log }) => {
        const nameOf = ({ reference }: LockedImage): string => reference.replace(/^docker\.io/, host);
        for (const kind of engineKinds.filter(({ name }) => name.startsWith('installed'))) {
          await withEngine(kind, async (engine) => {
            for (const image of newer) {
              const wanted = kind.idOf === 'config' ? image.config.digest : image.manifest.digest;
              t.is(await pulled(t, kind, engine, nameOf(image)), wanted, kind.name);
            }
          });
        }
        for (const [at, image] of newer.entries()) {
          const args = ['copy', '--src-tls-verify=false', `docker://${nameOf(image)}`];
          await execOk(systemTools().path('skopeo'), [...args, `dir:${path.join(folder, `copy-${at}`)}`]);
        }
        t.notRegex(log(), /BROKEN OFF|warning: (?!first use)/);
      });
    });
  }),
);
