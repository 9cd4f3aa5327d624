import test, { type ExecutionContext } from 'ava';
import { engineKinds, withEngine, type EngineKind } from '../helpers/system-engine-kinds.ts';
import { withServing, withServingSite } from '../helpers/serve-process.ts';
import { needing } from '../helpers/system-tools.ts';
import { documentOf } from '../helpers/serve-process.ts';
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
