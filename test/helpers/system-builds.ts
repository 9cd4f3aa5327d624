import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Dockerd } from './system-dockerd.ts';
import { systemTools } from './system-tools.ts';

/** An image that a Docker engine built and pushed. */
export interface BuiltImage {
  /** As packs name it: `demisto/python3:3.12.1`. */
  readonly reference: string;
  /** The image ID at the engine that built it. */
  readonly id: string;
  /** What it prints when it runs. */
  readonly line: string;
}

/**
 * Builds one image per reference with Docker itself and pushes them to a registry. All stand on one system layer; those
 * whose name starts alike (python3, py3-tools: `py`) share a second one. Needs `busybox`.
 */
export async function buildAndPush(
  dockerd: Dockerd,
  registry: string,
  references: readonly string[],
  folder: string,
): Promise<BuiltImage[]> {
  await mkdir(folder, { recursive: true });
  await copyFile(systemTools().path('busybox'), path.join(folder, 'busybox'));
  const build = async (name: string, dockerfile: string): Promise<void> => {
    await writeFile(path.join(folder, 'Dockerfile'), dockerfile);
    // The classic builder: it needs neither a plug-in nor a network.
    const env = { ...process.env, DOCKER_BUILDKIT: '0' };
    await must(dockerd, ['build', '--network', 'none', '--quiet', '--tag', name, folder], env);
  };
  await build('system', 'FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\n');
  const built: BuiltImage[] = [];
  for (const reference of references) {
    const family = `family-${(reference.split('/').at(-1) ?? '').slice(0, 2)}`;
    await writeFile(path.join(folder, 'family'), family.repeat(20_000));
    await build(family, 'FROM system\nCOPY family /usr/share/family\n');
    const line = `this is ${reference}`;
    await writeFile(path.join(folder, 'line'), `${line}\n`);
    await build(reference, `FROM ${family}\nCOPY line /etc/line\nCMD ["/bin/busybox", "cat", "/etc/line"]\n`);
    const remote = `${registry}/${reference}`;
    await must(dockerd, ['tag', reference, remote]);
    await must(dockerd, ['push', '--quiet', remote]);
    const id = (await must(dockerd, ['inspect', '--format', '{{.Id}}', reference])).trim();
    built.push({ reference, id, line });
  }
  return built;
}

async function must(dockerd: Dockerd, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<string> {
  const { status, stdout, stderr } = await dockerd.run(args, env === undefined ? {} : { env });
  if (status !== 0) throw new Error(`docker ${args.join(' ')}: exit status ${status}\n${stdout}${stderr}`);
  return stdout;
}
