import { addPlaceOptions } from '../place-options.ts';
import { collectValues, passphraseOption } from '../options.ts';
import { stateOption } from '../judgement-options.ts';
import type { AddCommand } from './command.ts';

/** Adds the group; its commands are added to it. */
export const addTrust: AddCommand = (program) =>
  program
    .command('trust')
    .summary('the keys that may sign bundles for this site')
    .description(
      'Shows and changes whom this site trusts: the files allowed_signers, revoked_keys and policy.json, of the machine or of the user.',
    );

export const addTrustAdd: AddCommand = (trust, bind) =>
  addPlaceOptions(
    trust
      .command('add')
      .summary('trust a key')
      .description(
        'Adds a key to allowed_signers. Its fingerprint has to be typed, as its owner tells it over another channel than the one by which the key came. Everything else in the file stays as it is.',
      )
      .argument(
        '<key>',
        'the file of a public key or of a line that "packferry keygen" has printed; or the key itself: "ssh-ed25519 AAAA..."',
      )
      .option(
        '--principal <name>',
        'the name of its owner; needed unless it stands in the line that was given',
      )
      .option(
        '--authority',
        'the key signs certificates, and those for this name (or pattern of names) count',
      )
      .option('--valid-after <time>', 'from when it counts: 2027-01-31 or YYYYMMDD[HHMM[SS]], in UTC')
      .option('--valid-before <time>', 'until when it counts, in the same form')
      .option('--may-update-trust', 'its signatures also count for updates of these files')
      .option('--fingerprint <fingerprint>', 'the fingerprint, for scripts; it must be that of the key'),
  ).action(bind(async () => (await import('../actions/trust/add.ts')).trustAdd));

export const addTrustList: AddCommand = (trust, bind) =>
  addPlaceOptions(
    trust
      .command('list')
      .summary('show the keys that are trusted')
      .description(
        "Shows the trusted keys of the machine and of the user, which of the two count, which keys are revoked or expired, and what the site's policy asks.",
      ),
  ).action(bind(async () => (await import('../actions/trust/list.ts')).trustList));

export const addTrustRevoke: AddCommand = (trust, bind) =>
  addPlaceOptions(
    trust
      .command('revoke')
      .summary('never trust a key again')
      .description(
        'Adds a key to revoked_keys, with the time and the reason. Nothing that it has signed is accepted from then on, also not what it signed before.',
      )
      .argument(
        '<key>',
        'fingerprint or principal of a trusted key, the file of a public key, or the key itself',
      )
      .requiredOption('--reason <text>', 'why, in one line; it is written beside the key')
      .option('-y, --yes', 'do not ask'),
  ).action(bind(async () => (await import('../actions/trust/revoke.ts')).trustRevoke));

export const addTrustUpdate: AddCommand = (trust, bind) =>
  addPlaceOptions(
    trust
      .command('update')
      .summary('apply a signed update of the trusted files')
      .description(
        'Replaces the trusted files by their next version. It must be signed (FILE.sig, FILE.2.sig, ...) by as many different signers as the files that are there ask for, and as those that it brings ask for. Versions follow one upon the other; all are kept. Keys that were revoked here stay revoked.',
      )
      .argument('<file>', 'the update, as "packferry trust propose" writes it')
      .option('--dry-run', 'check it and show what would change')
      .option('-y, --yes', 'do not ask')
      .addOption(stateOption()),
  ).action(bind(async () => (await import('../actions/trust/update.ts')).trustUpdate));

export const addTrustPropose: AddCommand = (trust, bind) =>
  trust
    .command('propose')
    .summary('make an update of the trusted files of sites')
    .description(
      'Makes the next version of the trusted files out of a folder: a copy of what sites have, changed to what they are to have. The version that follows upon the one in its policy.json (1 where that says nothing). Signs it with every key that is given.',
    )
    .argument(
      '<folder>',
      'folder with allowed_signers and, where there are any, revoked_keys and policy.json',
    )
    .requiredOption('-o, --output <file>', 'the update; signatures go to FILE.sig, FILE.2.sig, ...')
    .option('--key <file>', 'key to sign with, as for export (repeatable)', collectValues)
    .addOption(passphraseOption())
    .action(bind(async () => (await import('../actions/trust/propose.ts')).trustPropose));

export const addTrustSign: AddCommand = (trust, bind) =>
  trust
    .command('sign')
    .summary('add a signature to an update of the trusted files')
    .description(
      'Shows what an update says, asks, and signs it. The same as: ssh-keygen -Y sign -n trust-update@packferry -f KEY FILE',
    )
    .argument('<file>', 'the update; the signature goes beside it')
    .requiredOption('--key <file>', 'key to sign with, as for export (repeatable)', collectValues)
    .addOption(passphraseOption())
    .option('-y, --yes', 'do not ask')
    .action(bind(async () => (await import('../actions/trust/propose.ts')).trustSign));
