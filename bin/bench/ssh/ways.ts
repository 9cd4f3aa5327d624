import path from 'node:path';
import process from 'node:process';
import type { MadeBundle } from '../../../test/helpers/import-site.ts';
import { shellCommand } from '../../../src/ssh/shell-quote.ts';
import type { EngineKind } from '../../../test/helpers/system-engine-kinds.ts';
import type { Command } from '../export/measure.ts';
import type { Engine } from '../import/engines.ts';
import { engineCommand, quoted } from './engine-command.ts';
import type { Access, Host } from './hosts.ts';
import type { Inputs } from './inputs.ts';
import { scpCommand } from './podman-scp.ts';

const root = path.resolve(import.meta.dirname, '../../../..');
const packferry = [process.execPath, path.join(root, 'bin', 'packferry.js')] as const;

/** What is to be brought where. */
export interface Task extends Pick<Inputs, 'trusted' | 'jobs' | 'saver'> {
  readonly bundle: MadeBundle;
  /** The home of the run. */
  readonly home: string;
  readonly hosts: readonly Pick<Host, 'access' | 'engine'>[];
}

/** A way to bring images to engines that only SSH reaches. */
export interface Way {
  readonly name: string;
  /** Starts at an engine that has the images, not at a bundle. */
  readonly fromEngine: boolean;
  /** It is another way than the one before from so many hosts on. */
  readonly needsHosts?: number;
  /** The system's ssh does it. */
  readonly needsSsh?: true;
  readonly commands: (task: Task) => readonly Command[];
}

/** packferry first; the table compares it with the others. */
export function waysOf(product: EngineKind['product']): readonly Way[] {
  const pipes: readonly Way[] = [
    {
      name: `${product} save of all, ssh, ${product} load`,
      fromEngine: true,
      needsSsh: true,
      commands: ({ bundle, saver, hosts }) =>
        hosts.map(({ access }) => ['sh', '-c', pipe(bundle, saver, access)]),
    },
    {
      name: 'the same, one image at a time',
      fromEngine: true,
      needsSsh: true,
      commands: ({ bundle, saver, hosts }) =>
        hosts.flatMap(({ access }) =>
          bundle.images.map((image) => ['sh', '-c', pipe({ images: [image] }, saver, access)] as const),
        ),
    },
    {
      name: 'such pipes to all hosts at once',
      fromEngine: true,
      needsSsh: true,
      needsHosts: 2,
      commands: ({ bundle, saver, hosts }) => {
        const lines = hosts.map(({ access }) => `{ ${pipe(bundle, saver, access)}; } &`);
        return [['sh', '-c', [...lines, 'wait'].join('\n')]];
      },
    },
  ];
  const scp: Way = {
    name: 'podman image scp, one image at a time',
    fromEngine: true,
    needsSsh: true,
    commands: ({ bundle: { images }, saver, hosts, home }) => [
      scpCommand({ saver, hosts, home, references: images.map(({ reference }) => reference) }),
    ],
  };
  return [...own, ...pipes, ...(product === 'podman' ? [scp] : [])];
}

const own: readonly Way[] = [
  {
    name: 'packferry import',
    fromEngine: false,
    commands: ({ bundle, trusted, ...task }) => [
      [...packferry, 'import', bundle.dir, '--trusted-keys', trusted, '--yes', ...reaching(task)],
    ],
  },
  {
    name: 'packferry copy',
    fromEngine: true,
    commands: ({ bundle, saver, ...task }) => [
      [
        ...packferry,
        ...['copy', '--from', `${productOf(saver)}:unix://${saver.socket}`],
        ...reaching(task),
        ...bundle.images.map(({ reference }) => reference),
      ],
    ],
  },
];

/** Where packferry delivers, and how it gets there. */
function reaching({ hosts, jobs }: Pick<Task, 'hosts' | 'jobs'>): string[] {
  const [first] = hosts;
  const targets = hosts.flatMap(({ access, engine }) => [
    '--to',
    `ssh://root@127.0.0.1:${access.port}?engine=${productOf(engine)}&socket=${engine.socket}`,
  ]);
  const ssh = ['--ssh-config', 'none'];
  if (first !== undefined)
    ssh.push('--identity', first.access.identity, '--known-hosts', first.access.knownHosts);
  return [...targets, ...ssh, ...(jobs === undefined ? [] : ['--jobs', jobs]), '--quiet'];
}

/** Arguments of ssh that depend on nothing of the user who runs this; its cipher is the fastest that it has. */
export function sshArguments({ port, identity, knownHosts }: Access): string[] {
  const settings = {
    IdentitiesOnly: 'yes',
    UserKnownHostsFile: knownHosts,
    GlobalKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: 'yes',
    BatchMode: 'yes',
  };
  return [
    ...['-F', 'none', '-c', 'aes128-gcm@openssh.com', '-p', String(port), '-i', identity],
    ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    'root@127.0.0.1',
  ];
}

/** A line of a shell that takes images from an engine here to one there. */
function pipe({ images }: Pick<MadeBundle, 'images'>, saver: Engine, access: Access): string {
  const product = productOf(saver);
  const many = product === 'podman' ? ['--quiet', '--multi-image-archive'] : [];
  const near = engineCommand(saver, ['save', ...many, ...images.map(({ reference }) => reference)]);
  const far = ['ssh', ...sshArguments(access), `${product} load --quiet`];
  return `${quoted(near)} | ${shellCommand(far)}`;
}

function productOf(engine: Engine): EngineKind['product'] {
  return 'commandOf' in engine ? 'podman' : 'docker';
}
