import { Command } from 'commander';
import type { ExitStatus } from '../core/errors.ts';
import type { AddCommand, Bind } from './commands/command.ts';
import { addCopy } from './commands/copy.ts';
import { addDoctor } from './commands/doctor.ts';
import { addExport } from './commands/export.ts';
import { addHistory } from './commands/history.ts';
import { addImport } from './commands/import.ts';
import { addInspect } from './commands/inspect.ts';
import { addKeygen } from './commands/keygen.ts';
import { addLogin } from './commands/login.ts';
import { addLogout } from './commands/logout.ts';
import { addLock } from './commands/lock.ts';
import { addOutdated } from './commands/outdated.ts';
import { addPlan } from './commands/plan.ts';
import { addReceipt, addReceiptList, addReceiptShow, addReceiptVerify } from './commands/receipt.ts';
import { addSearch } from './commands/search.ts';
import { addServe } from './commands/serve.ts';
import { addSign } from './commands/sign.ts';
import {
  addTrust,
  addTrustAdd,
  addTrustList,
  addTrustPropose,
  addTrustRevoke,
  addTrustSign,
  addTrustUpdate,
} from './commands/trust.ts';
import { addUpdate } from './commands/update.ts';
import { addUsage } from './commands/usage.ts';
import { addVerify } from './commands/verify.ts';
import type { Context } from './context.ts';
import { exitStatusTable } from './exit-status.ts';
import {
  addCommonOptions,
  addJudgementOptions,
  addRegistryOptions,
  addRegistryTargetOptions,
} from './options.ts';
import { addSshOptions } from './ssh-options.ts';

interface Entry {
  readonly add: AddCommand;
  readonly examples: readonly string[];
  /** The command opens bundles where they arrive, so it takes the options by which a site judges them. */
  readonly judges?: true;
  /** The command asks registries, or only brings images there, so it takes the options for that. */
  readonly registries?: true | 'targets';
  /** Its images may be on machines that are reached over SSH. */
  readonly ssh?: boolean;
  /** The command is a group of these and does nothing by itself. */
  readonly within?: readonly Entry[];
}

interface Group {
  readonly title: string;
  readonly commands: readonly Entry[];
}

const receiptCommands: readonly Entry[] = [
  {
    add: addReceiptShow,
    examples: ['packferry receipt show', 'packferry receipt show 12', 'packferry receipt show --json'],
  },
  { add: addReceiptList, examples: ['packferry receipt list'] },
  {
    add: addReceiptVerify,
    examples: [
      'packferry receipt verify --trusted-keys receipt_signers',
      'packferry receipt verify /media/usb/receipts --expect 7GQX-MZ4T-0V3K-81RD-HWEN-PC52-J9AB-XY6S',
    ],
  },
];

const trustCommands: readonly Entry[] = [
  {
    add: addTrustAdd,
    examples: [
      'packferry trust add builder.pub --principal soc-builder',
      "packferry trust add ca.pub --authority --principal '*@soc.example' --valid-before 2027-12-31",
    ],
  },
  { add: addTrustList, examples: ['packferry trust list', 'packferry trust list --json'] },
  {
    add: addTrustRevoke,
    examples: [
      'packferry trust revoke soc-builder --reason "laptop lost"',
      'packferry trust revoke builder.pub --reason "left the company" --system',
    ],
  },
  {
    add: addTrustUpdate,
    examples: [
      'packferry trust update /media/usb/trust-update.json --dry-run',
      'packferry trust update /media/usb/trust-update.json',
    ],
  },
  {
    add: addTrustPropose,
    examples: ['packferry trust propose next -o trust-update.json --key ~/.ssh/old --key ~/.ssh/new'],
  },
  { add: addTrustSign, examples: ['packferry trust sign trust-update.json --key ~/.ssh/packferry'] },
];

/** The commands, by where one is. */
const groups: readonly Group[] = [
  {
    title: 'Connected side:',
    commands: [
      {
        add: addPlan,
        registries: true,
        ssh: true,
        examples: ['packferry plan soc.yml', 'packferry plan content/Packs/HelloWorld --json'],
      },
      {
        add: addLock,
        registries: true,
        ssh: true,
        examples: ['packferry lock soc.yml', 'packferry lock soc.yml --check'],
      },
      {
        add: addExport,
        registries: true,
        ssh: true,
        examples: [
          'packferry export soc.yml -o /media/usb/soc --key ~/.ssh/packferry',
          'packferry export soc.yml -o out --dry-run',
          'packferry export soc.yml -o /media/new/soc --reuse /media/old/soc',
          'packferry export soc.yml -o /media/usb/soc --with-importer',
        ],
      },
      {
        add: addOutdated,
        registries: true,
        examples: ['packferry outdated soc.yml', 'packferry outdated content/Packs --any-version'],
      },
      {
        add: addUpdate,
        registries: true,
        examples: ['packferry update content/Packs/HelloWorld', 'packferry update content/Packs --write'],
      },
      {
        add: addLogin,
        examples: [
          'packferry login registry.example -u soc',
          'packferry login registry.example:5000 -u soc --password-stdin < password-file',
        ],
      },
      { add: addLogout, examples: ['packferry logout registry.example'] },
      {
        add: addUsage,
        examples: [
          'packferry usage demisto/python3 soc.yml',
          'packferry usage demisto/crypto:latest content',
        ],
      },
      {
        add: addSearch,
        examples: [
          "packferry search --metadata dockerfiles-info --python-package 'requests==2.31' --python 3.12",
          'packferry search --metadata dockerfiles-info --os-package openssl --name crypto',
        ],
      },
    ],
  },
  {
    title: 'Closed side:',
    commands: [
      {
        add: addVerify,
        judges: true,
        examples: [
          'packferry verify /media/usb/soc --trusted-keys allowed_signers',
          'packferry verify /media/usb/soc --deep --damage lost.json',
        ],
      },
      {
        add: addImport,
        judges: true,
        registries: 'targets',
        ssh: true,
        examples: [
          'packferry import /media/usb/soc --trusted-keys allowed_signers',
          'packferry import /media/usb/soc --to oci:/srv/images --dry-run',
          'packferry import /media/usb/soc --to registry://registry.example:5000/xsoar --to docker:',
          'packferry import /media/usb/soc --to ssh://root@xsoar.example',
        ],
      },
      {
        add: addServe,
        judges: true,
        examples: [
          'packferry serve /media/usb/soc --trusted-keys allowed_signers',
          'packferry serve /srv/soc --listen 0.0.0.0:5000 --tls-cert cert.pem --tls-key key.pem',
        ],
      },
      {
        add: addHistory,
        examples: [
          'packferry history',
          'packferry history soc-content',
          'packferry history soc-content --reset "its builder was replaced, ticket 1234"',
        ],
      },
      {
        add: addReceipt,
        examples: ['packferry receipt show last', 'packferry receipt verify'],
        within: receiptCommands,
      },
      {
        add: addTrust,
        examples: ['packferry trust add builder.pub --principal soc-builder', 'packferry trust list'],
        within: trustCommands,
      },
    ],
  },
  {
    title: 'Both sides:',
    commands: [
      {
        add: addCopy,
        judges: true,
        registries: true,
        ssh: true,
        examples: [
          'packferry copy demisto/python3:3.12.13.11694875 --to oci:/srv/images',
          "packferry copy 'demisto/*' --from bundle:/media/usb/soc --to registry://registry.example",
          'packferry copy --all --from oci:/srv/images --to docker: --to podman:',
          'packferry copy acme/tool:1.2 --from registry: --from ssh://root@app1.example --to ssh://root@app2.example',
        ],
      },
      {
        add: addInspect,
        examples: ['packferry inspect /media/usb/soc', 'packferry inspect /media/usb/soc --json'],
      },
      {
        add: addSign,
        examples: ['packferry sign /media/usb/soc --key ~/.ssh/packferry --trusted-keys allowed_signers'],
      },
      {
        add: addDoctor,
        examples: [
          'packferry doctor',
          "packferry doctor --to 'podman:?as=demisto'",
          'packferry doctor --to ssh://root@engine1.example',
        ],
        ssh: true,
      },
      {
        add: addKeygen,
        examples: ['packferry keygen -o ~/.ssh/packferry --principal soc-builder >> allowed_signers'],
      },
    ],
  },
];

/** The whole command tree. `ended` is told the exit status of the command that ran. */
export function makeProgram(context: Context, ended: (status: ExitStatus) => void): Command {
  const program = new Command('packferry')
    .description('Carries the container images of Cortex XSOAR content packs across an air gap.')
    .version(context.tool.version, '-V, --version', 'print the version')
    .helpCommand(true)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      // main prints usage errors like all others.
      outputError: () => undefined,
    });
  const bind: Bind =
    (load) =>
    async (...args) => {
      const command = args.pop() as Command;
      const { runCommand } = await import('./run-command.ts');
      ended(await runCommand(context, await load(), command.args, command.opts()));
    };
  for (const { title, commands } of groups) {
    program.commandsGroup(title);
    for (const entry of commands) addEntry(program, entry, bind);
  }
  program.addHelpText('after', `\nExamples:\n${topExamples()}\n\nExit status:\n${statusText()}`);
  return program;
}

function addEntry(
  parent: Command,
  { add, examples, judges, registries, ssh, within }: Entry,
  bind: Bind,
): void {
  const command = add(parent, bind);
  if (judges) addJudgementOptions(command);
  if (registries === true) addRegistryOptions(command);
  if (registries === 'targets') addRegistryTargetOptions(command);
  if (ssh) addSshOptions(command);
  for (const entry of within ?? []) addEntry(command, entry, bind);
  if (within === undefined) addCommonOptions(command);
  command.addHelpText('after', `\nExamples:\n${examples.map((line) => `  $ ${line}`).join('\n')}`);
}

function topExamples(): string {
  return [
    '  $ packferry export manifest.yml -o bundle --key ~/.ssh/packferry',
    '  $ packferry import bundle --trusted-keys allowed_signers',
  ].join('\n');
}

function statusText(): string {
  return exitStatusTable
    .map(({ status, meaning }) => `  ${String(status).padStart(3)}  ${meaning}`)
    .join('\n');
}
