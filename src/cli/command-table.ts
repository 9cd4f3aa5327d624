import type { AddCommand } from './commands/command.ts';
import { addBuild } from './commands/build.ts';
import { addCopy } from './commands/copy.ts';
import { addDoctor } from './commands/doctor.ts';
import { addExport } from './commands/export.ts';
import { addHistory } from './commands/history.ts';
import { addImport } from './commands/import.ts';
import { addInventory } from './commands/inventory.ts';
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
import { addSync } from './commands/sync.ts';
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

/** A command, and the groups of options that it takes. */
export interface Entry {
  readonly add: AddCommand;
  readonly examples: readonly string[];
  /** The command opens bundles where they arrive, so it takes the options by which a site judges them. */
  readonly judges?: true;
  /** The command asks registries, or only brings images there, so it takes the options for that. */
  readonly registries?: true | 'targets';
  /** Its images may be on machines that are reached over SSH. */
  readonly ssh?: boolean;
  /** It brings images to targets, perhaps to many. */
  readonly delivers?: true;
  /** They may be those of a file of hosts; of one that a variable names only where that is what the command is about. */
  readonly hosts?: true | 'as written';
  /** The command is a group of these and does nothing by itself. */
  readonly within?: readonly Entry[];
}

/** Commands under one title of the help. */
export interface Group {
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

/** All commands, by where one is, in the order of the help. */
export const groups: readonly Group[] = [
  {
    title: 'Connected side:',
    commands: [
      {
        add: addPlan,
        registries: true,
        ssh: true,
        examples: [
          'packferry plan soc.yml',
          'packferry plan content/Packs/HelloWorld --json',
          'packferry plan soc.yml --base inventory.json',
        ],
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
          'packferry export soc.yml -o /media/usb/soc --base receipt-000012.json',
          'packferry export soc.yml -o /media/usb/repair --repair lost.json --frozen-lock',
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
        delivers: true,
        hosts: true,
        examples: [
          'packferry import /media/usb/soc --trusted-keys allowed_signers',
          'packferry import /media/usb/soc --to oci:/srv/images --dry-run',
          'packferry import /media/usb/soc --to registry://registry.example:5000/xsoar --to docker:',
          'packferry import /media/usb/soc --to ssh://root@xsoar.example --to ssh://root@engine1.example --limit-rate 50MiB',
          'packferry import /media/usb/soc --to ssh://root@far.example --stage',
          "packferry import /media/usb/soc --hosts inventory.ini --limit 'engines:!engine3'",
        ],
      },
      {
        add: addServe,
        judges: true,
        examples: [
          'packferry serve /media/usb/soc --trusted-keys allowed_signers',
          'packferry serve /media/usb/soc-2 /srv/soc-1',
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
        delivers: true,
        hosts: true,
        examples: [
          'packferry copy demisto/python3:3.12.13.11694875 --to oci:/srv/images',
          "packferry copy 'demisto/*' --from bundle:/media/usb/soc --to registry://registry.example",
          'packferry copy --all --from oci:/srv/images --to docker: --to podman:',
          'packferry copy acme/tool:1.2 --from registry: --from ssh://root@app1.example --to ssh://root@app2.example',
        ],
      },
      {
        add: addBuild,
        registries: 'targets',
        ssh: true,
        delivers: true,
        hosts: 'as written',
        examples: [
          "packferry build acme/tool:1.0 --from demisto/python3-deb:3.12.8.1983910 --python 'requests==2.32.3' --dry-run",
          "packferry build localhost/acme/tool:1.0 --python 'stix2==3.0.1' --package libxml2 --on ssh://root@xsoar.example",
          'packferry build acme/tool:1.0 --from demisto/python3:3.12.13.11694875 --requirements requirements.txt --wheels wheels',
          "packferry build acme/tool:1.0 --python 'requests==2.32.3' --to ssh://root@app2.example --to registry://registry.example",
          "packferry build localhost/acme/tool:1.0 --python 'requests==2.32.3' --hosts inventory.ini --group apps",
          "packferry build localhost/acme/tool:1.0 --python 'requests==2.32.3' --wheels wheels --export /media/usb/tool --key ~/.ssh/packferry",
        ],
      },
      {
        add: addSync,
        ssh: true,
        delivers: true,
        hosts: true,
        examples: [
          "packferry sync --images 'acme/*' --hosts inventory.ini --group apps --dry-run",
          "packferry sync --images 'localhost/**' --host ssh://root@app1.example --host ssh://root@app2.example",
          "packferry sync --images 'acme/*' --from ssh://root@app1.example --hosts hosts.yml --on-existing retag",
        ],
      },
      {
        add: addInventory,
        ssh: true,
        hosts: true,
        examples: [
          'packferry inventory --from docker: --from ssh://root@app1.example',
          "packferry inventory --hosts inventory.ini --group engines --images 'demisto/*'",
          'packferry inventory --hosts hosts.yml --against /media/usb/soc -o inventory.json',
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
          'packferry doctor --registry docker.io',
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
