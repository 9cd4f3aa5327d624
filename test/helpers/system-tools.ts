import { accessSync, constants, readFileSync } from 'node:fs';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { softwareKeyProvider } from './security-key.ts';
import { hasEngineRoot } from './system-engine-root.ts';
import { hasNetworkNamespaces } from './system-netns.ts';

/** Programs that system tests use. None of them is needed to build packferry or to run its other tests. */
export type ToolName =
  | 'dockerd'
  | 'docker'
  | 'podman'
  | 'skopeo'
  | 'docker-registry'
  | 'ssh-keygen'
  | 'ssh'
  | 'sshd'
  | 'sudo'
  | 'openssl'
  | 'oci-conformance'
  | 'zot'
  | 'busybox'
  | 'bash'
  | 'dash'
  | 'runuser'
  | 'setpriv'
  | 'useradd'
  | 'apt-get'
  | 'dpkg-deb'
  | 'newuidmap'
  | 'krb5kdc'
  | 'kdb5_util'
  | 'kadmin.local'
  | 'kinit';

/**
 * What a test needs: a program, to run as root, this kind of machine, the newer engines that `.ci/engines` brings, hosts
 * behind links, Debian's own Python with pip, a kernel with cgroups v2, or the security key in software of OpenSSH's tests.
 */
export type Need =
  | ToolName
  | 'root'
  | 'linux-x64'
  | 'newer-engines'
  | 'network-namespaces'
  | 'python3-pip'
  | 'cgroups-v2'
  | 'software-security-key';

export interface SystemTools {
  readonly root: boolean;
  /** The full path of a program; throws when it is missing, so ask `missing` first. */
  path(tool: ToolName): string;
  /** The needs that this machine does not meet. */
  missing(needs: readonly Need[]): readonly Need[];
}

/** Daemons often lie where an ordinary user's PATH does not lead. */
const alsoIn = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** What this machine has. */
export function systemTools(): SystemTools {
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), ...alsoIn].filter((folder) =>
    path.isAbsolute(folder),
  );
  const root = process.getuid?.() === 0;
  const find = (tool: ToolName): string | undefined =>
    folders.map((folder) => path.join(folder, tool)).find(isExecutable);
  return {
    root,
    path: (tool) => {
      const found = find(tool);
      if (found === undefined) throw new Error(`${tool} is not on this machine`);
      return found;
    },
    missing: (needs) =>
      needs.filter((need) => {
        if (need === 'root') return !root;
        if (need === 'newer-engines') return !hasEngineRoot();
        if (need === 'software-security-key') return softwareKeyProvider() === undefined;
        if (need === 'network-namespaces') return !hasNetworkNamespaces();
        // Not the pip of the PATH, which may belong to another Python.
        if (need === 'python3-pip') return !isExecutable('/usr/bin/pip') || !isExecutable('/usr/bin/python3');
        if (need === 'cgroups-v2') return !readFileSync('/proc/filesystems', 'utf8').includes('cgroup2');
        if (need === 'linux-x64') return `${process.platform}-${process.arch}` !== need;
        return find(need) === undefined;
      }),
  };
}

/**
 * A test that needs programs of the machine. Where one is missing the test is left out, and says so on standard error
 * and in the report: `left out: TITLE (no dockerd)`.
 *
 *     test.serial('title', needing(['dockerd', 'root'], async (t) => { ... }));
 *
 * Use `test.serial` for everything that starts a daemon: test files run in parallel, and daemons are heavy.
 */
export function needing(
  needs: readonly Need[],
  implementation: (t: ExecutionContext) => Promise<void>,
): (t: ExecutionContext) => Promise<void> {
  return async (t) => {
    const missing = systemTools().missing(needs);
    if (missing.length === 0) {
      await implementation(t);
      return;
    }
    const why = missing
      .map((need) => (need === 'root' || need === 'linux-x64' ? `not ${need}` : `no ${need}`))
      .join(', ');
    const line = `left out: ${t.title} (${why})`;
    t.log(line);
    process.stderr.write(`${line}\n`);
    t.pass();
  };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
