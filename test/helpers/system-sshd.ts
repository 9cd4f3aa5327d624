import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { execOk } from './system-exec.ts';
import { linkOf, planLink, setUpLink, type Link, type LinkOptions } from './system-netns.ts';
import { usersLock, type OtherUser } from './system-user.ts';
import { freePort } from './free-port.ts';
import { serviceFolder, startService, usingService, type Service } from './system-service.ts';
import { systemTools, type Need } from './system-tools.ts';

/** What tests with a real SSH server need. */
export const sshdNeeds: readonly Need[] = ['sshd', 'ssh-keygen', 'root'];

/** Types of keys, by the arguments of ssh-keygen that make them. */
const keyArguments = {
  ed25519: ['ed25519'],
  ecdsa: ['ecdsa', '-b', '256'],
  ecdsa384: ['ecdsa', '-b', '384'],
  ecdsa521: ['ecdsa', '-b', '521'],
  rsa: ['rsa', '-b', '2048'],
} as const;

export type HostKeyType = keyof typeof keyArguments;

/** A private SSH server with users of its own. Needs `sshd`, `ssh-keygen` and root. */
export interface Sshd extends Service {
  /** 127.0.0.1, unless it is behind a link. */
  readonly host: string;
  readonly port: number;
  /** The folder of the user who connects: `.ssh/id_ed25519` lets in every user of the server; it has no known_hosts. */
  readonly home: string;
  readonly identity: string;
  /** Lines for known_hosts, by type of key. */
  readonly hostKeys: Readonly<Record<HostKeyType, string>>;
  /** Has anybody tried to be let in? */
  readonly wasAsked: () => Promise<boolean>;
  readonly link: Link | undefined;
}

export interface SshdOptions {
  /** Further lines of sshd_config. */
  readonly config?: readonly string[];
  /** The types of host keys that it has. Default: ed25519, ecdsa and rsa. */
  readonly hostKeys?: readonly HostKeyType[];
  /** The host keys have certificates. With `true`, for 127.0.0.1 by the authority at `ca` in the home of the user who connects. */
  readonly certified?: boolean | Certified;
  /** Content of /etc/sudoers there; root may do everything. */
  readonly sudoers?: string;
  /** A user of the machine, whom the server has, too. */
  readonly user?: OtherUser;
  /** What is /var/run/docker.sock there, in a /run of its own. */
  readonly dockerSocket?: string;
  /** The password of the user `operator`. */
  readonly password?: string;
  /** The host asks for the password by itself, through PAM (keyboard-interactive). */
  readonly pam?: boolean;
  /** Uses the key and home of another server. */
  readonly like?: Sshd;
  /** What else it has in its environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** It is in a network namespace of its own, at port 22 of an address of its own. Needs `network-namespaces`. */
  readonly link?: LinkOptions;
}

export interface Certified {
  /** The type of the authority's key, which is made if there is none yet. Default: ed25519. */
  readonly by?: HostKeyType;
  /** What is said of the key, as arguments of ssh-keygen. Default: that it is of the host 127.0.0.1. */
  readonly as?: readonly string[];
}

/** Users of the server beside root: `operator` (1999) with a shell, and `noshell` (1998) without. */
export const operator = { name: 'operator', uid: 1999 };

/**
 * Starts a server in a mount namespace of its own, in which it has other users than the machine: nothing of the machine
 * is changed. The caller has to `stop` it.
 */
export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const tools = systemTools();
  const folder = await serviceFolder('sshd');
  // Its users read what lies in here.
  await chmod(folder, 0o755);
  const at = (...parts: readonly string[]): string => path.join(folder, ...parts);
  const keygen = tools.path('ssh-keygen');
  const newKey = (type: HostKeyType, file: string): Promise<string> =>
    execOk(keygen, ['-q', '-t', ...keyArguments[type], '-N', '', '-C', 'test', '-f', file]);

  const home = options.like?.home ?? at('home');
  const identity = path.join(home, '.ssh', 'id_ed25519');
  if (options.like === undefined) {
    await mkdir(path.dirname(identity), { recursive: true, mode: 0o700 });
    await newKey('ed25519', identity);
  }
  await writeFile(at('authorized_keys'), await readFile(`${identity}.pub`));
  const types = options.hostKeys ?? (['ed25519', 'ecdsa', 'rsa'] as const);
  for (const type of types) await newKey(type, at(`host_${type}`));
  const certified = options.certified === true ? {} : options.certified;
  const certificates = typeof certified === 'object' ? types : [];
  if (typeof certified === 'object') {
    const { by = 'ed25519', as = ['-h', '-n', '127.0.0.1'] } = certified;
    const ca = path.join(home, 'ca');
    if (!existsSync(ca)) await newKey(by, ca);
    for (const type of types)
      await execOk(keygen, ['-q', '-s', ca, '-I', 'host', ...as, at(`host_${type}.pub`)]);
  }

  const plan = options.link === undefined ? undefined : planLink(options.link);
  const [host, port] = plan === undefined ? ['127.0.0.1', await freePort()] : [plan.there, 22];
  const config = [
    `Port ${port}`,
    `ListenAddress ${host}`,
    ...types.map((type) => `HostKey ${at(`host_${type}`)}`),
    ...certificates.map((type) => `HostCertificate ${at(`host_${type}-cert.pub`)}`),
    `AuthorizedKeysFile ${at('authorized_keys')}`,
    'StrictModes no',
    `UsePAM ${options.pam === true ? 'yes' : 'no'}`,
    `PidFile ${at('pid')}`,
    // A session whose client was killed behind a dead link ends, too, and with it the namespace.
    ...(plan === undefined ? [] : ['ClientAliveInterval 10']),
    'LogLevel DEBUG1',
    // By default every third one is refused once ten wait to be let in, as they may on a busy machine.
    'MaxStartups 100',
    'PermitRootLogin prohibit-password',
    `PasswordAuthentication ${options.password === undefined || options.pam === true ? 'no' : 'yes'}`,
    `KbdInteractiveAuthentication ${options.pam === true ? 'yes' : 'no'}`,
    ...(hasPenalties(tools.path('sshd')) ? ['PerSourcePenalties no'] : []),
    ...(options.config ?? []),
  ];
  await writeFile(at('sshd_config'), `${config.join('\n')}\n`);
  await writeUsers(folder, options);
  const service = await startService({
    name: 'sshd',
    command: 'env',
    args: [
      ...Object.entries(options.environment ?? {}).map(([name, value]) => `${name}=${value}`),
      'unshare',
      ...(plan?.unshare ?? []),
      '--mount',
      '--propagation',
      'private',
      '--',
      'sh',
      '-c',
      plan === undefined ? inside : setUpLink + inside,
      'sh',
      ...(plan?.args ?? []),
      folder,
      tools.path('sshd'),
      options.dockerSocket ?? '',
      usersLock,
    ],
    folder,
    isReady: () => accepts(host, port, plan?.here),
  });
  const lineOf = async (type: HostKeyType): Promise<string> => {
    const [name = '', key = ''] = (await readFile(at(`host_${type}.pub`), 'utf8')).split(' ');
    return `${knownName({ host, port })} ${name} ${key}\n`;
  };
  const hostKeys = { ed25519: '', ecdsa: '', ecdsa384: '', ecdsa521: '', rsa: '' };
  for (const type of types) hostKeys[type] = await lineOf(type);
  const link = plan === undefined ? undefined : linkOf(plan, Number(await readFile(at('pid'), 'utf8')));
  return {
    ...service,
    ...{ host, port, home, identity, hostKeys, link },
    stop: async () => {
      await service.stop();
      await link?.remove();
    },
    wasAsked: async () => (await service.log()).includes('userauth-request'),
  };
}

/** Calls `use` with a server that is stopped afterwards. */
export async function withSshd<T>(use: (sshd: Sshd) => Promise<T>, options: SshdOptions = {}): Promise<T> {
  return usingService(await startSshd(options), use);
}

/** The processes that it has started and that are still there: all that see what is mounted as it does, but for itself. */
export async function sessionsOf({ folder }: Sshd): Promise<readonly string[]> {
  const own = (await readFile(path.join(folder, 'pid'), 'utf8')).trim();
  const viewOf = (pid: string): Promise<string | undefined> =>
    readlink(`/proc/${pid}/ns/mnt`).catch(() => undefined);
  const view = await viewOf(own);
  if (view === undefined) throw new Error(`${folder}: the server is gone`);
  const others = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && name !== own);
  const views = await Promise.all(others.map(viewOf));
  return others.filter((_, at) => views[at] === view);
}

/** How known_hosts names this address. */
export function knownName({ host, port }: Pick<Sshd, 'host' | 'port'>): string {
  return port === 22 ? host : `[${host}]:${port}`;
}

/** Makes the server known to the user who connects. */
export async function makeKnown(...servers: readonly Sshd[]): Promise<void> {
  for (const { home, hostKeys } of servers)
    await writeFile(path.join(home, '.ssh', 'known_hosts'), Object.values(hostKeys).join(''), { flag: 'a' });
}

/**
 * sshd keeps a folder for its helpers, and takes its users from /etc. That is covered by a copy as a whole: a mount on a
 * single file is gone as soon as anybody outside puts another file in its place, as useradd does. cp leaves out what is
 * replaced while it looks: so no other test may make a user then.
 */
const inside = `set -e
folder=$1 sshd=$2 docker=$3 lock=$4
if [ -n "$docker" ]; then
  mount -t tmpfs tmpfs /run
  : > /run/docker.sock
  mount --bind "$docker" /run/docker.sock
fi
mkdir -p /run/sshd
mkdir "$folder/etc"
chmod 755 "$folder/etc"
flock --shared "$lock" cp -a /etc/. "$folder/etc" 2> /dev/null || true
mkdir -p "$folder/etc/pam.d"
for name in passwd group shadow sudoers; do cp -a "$folder/$name" "$folder/etc/$name"; done
cp -a "$folder/pam" "$folder/etc/pam.d/sshd"
mount --bind "$folder/etc" /etc
exec "$sshd" -D -E "$folder/log" -f "$folder/sshd_config"`;

async function writeUsers(folder: string, { sudoers = '', password, user }: SshdOptions): Promise<void> {
  const at = (name: string): string => path.join(folder, name);
  // As homes are: nobody else may enter it.
  await mkdir(at('operator'), { mode: 0o700 });
  await chown(at('operator'), operator.uid, operator.uid);
  const passwd = [
    'root:x:0:0::/root:/bin/sh',
    'sshd:x:100:65534::/run/sshd:/usr/sbin/nologin',
    'nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin',
    `operator:x:1999:1999::${at('operator')}:/bin/sh`,
    'noshell:x:1998:1998::/nonexistent:/usr/sbin/nologin',
    ...(user === undefined ? [] : [`${user.name}:x:${user.uid}:${user.uid}::/home/${user.name}:/bin/sh`]),
  ];
  const hash =
    password === undefined ? '*' : execFileSync('openssl', ['passwd', '-6', password]).toString().trim();
  const shadow = [
    'root:*:19000:0:99999:7:::',
    `operator:${hash}:19000:0:99999:7:::`,
    'noshell:*:19000:0:99999:7:::',
    ...(user === undefined ? [] : [`${user.name}:*:19000:0:99999:7:::`]),
  ];
  const group = user === undefined ? '' : `${user.name}:x:${user.uid}:\n`;
  await writeFile(at('passwd'), `${passwd.join('\n')}\n`);
  await writeFile(at('group'), `root:x:0:\noperator:x:1999:\nnogroup:x:65534:\nshadow:x:42:\n${group}`);
  await writeFile(at('shadow'), `${shadow.join('\n')}\n`, { mode: 0o640 });
  // Without what asks for more than a container has.
  const pam = [
    'auth required pam_unix.so',
    'account required pam_permit.so',
    'session required pam_permit.so',
  ];
  await writeFile(at('pam'), `${pam.join('\n')}\n`);
  await writeFile(at('sudoers'), `root ALL=(ALL:ALL) ALL\n${sudoers}\n`, { mode: 0o440 });
}

/** Since OpenSSH 9.8 a server makes those wait who were refused before. */
function hasPenalties(sshd: string): boolean {
  const { stderr } = spawnSync(sshd, ['-V'], { encoding: 'utf8' });
  const [, major = '0', minor = '0'] = /OpenSSH_(\d+)\.(\d+)/.exec(stderr) ?? [];
  return Number(major) * 100 + Number(minor) >= 908;
}

/** From an address that is not there yet nothing leaves the machine. */
function accepts(host: string, port: number, localAddress = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, localAddress, timeout: 5000 });
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('timeout', () => socket.destroy(new Error('timeout')));
    socket.once('error', () => undefined);
    // Also without a word, as a server does that cannot serve yet.
    socket.once('close', () => resolve(false));
  });
}
