import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseWait } from '../core/duration.ts';
import { progressKinds } from './progress/kinds.ts';

const common = 'Common options:';

/** Adds the options that every command has. */
export function addCommonOptions(command: Command): Command {
  return command
    .optionsGroup(common)
    .addOption(new Option('--json', 'print one JSON object on stdout').helpGroup(common))
    .addOption(
      new Option('-q, --quiet', 'no progress and no summary; errors and warnings stay').helpGroup(common),
    )
    .addOption(
      new Option(
        '-v, --verbose',
        'tell of every blob too, not only of images, and of the way to engines over SSH',
      ).helpGroup(common),
    )
    .addOption(
      new Option(
        '--progress <kind>',
        'how progress is shown on stderr; auto: bars on a terminal, lines elsewhere',
      )
        .choices([...progressKinds])
        .default('auto')
        .env('PACKFERRY_PROGRESS')
        .helpGroup(common),
    )
    .addOption(new Option('--no-progress', 'the same as --progress none').helpGroup(common))
    .addOption(new Option('--debug', 'print the stack of errors').helpGroup(common));
}

const registryGroup = 'Registries:';

/** Adds the options of commands that take images from registries. */
export function addRegistryOptions(command: Command): Command {
  command.addOption(
    new Option(
      '--rewrite <from=to>',
      'read images below FROM from TO instead, as docker.io/demisto=registry.example/demisto; they keep their names (repeatable)',
    )
      .argParser(collectValues)
      .helpGroup(registryGroup),
  );
  return addRegistryTargetOptions(command);
}

/** Adds the options of commands that speak to registries, if only to bring images there. */
export function addRegistryTargetOptions(command: Command): Command {
  const group = registryGroup;
  return command
    .addOption(authFileOption().helpGroup(group))
    .addOption(plainHttpOption().helpGroup(group))
    .addOption(caFileOption().helpGroup(group))
    .addOption(retriesOption().helpGroup(group))
    .addOption(maxWaitOption().helpGroup(group))
    .addOption(timeoutOption().helpGroup(group));
}

/** `--authfile FILE`. */
export function authFileOption(): Option {
  return new Option(
    '--authfile <file>',
    "accounts of registries, instead of podman's and docker's own files (env: REGISTRY_AUTH_FILE)",
  );
}

/** `--plain-http HOST`. */
export function plainHttpOption(): Option {
  return new Option(
    '--plain-http <host>',
    'speak HTTP to this registry; only on a network that you trust (repeatable)',
  ).argParser(collectValues);
}

/** `--ca-file FILE`. */
export function caFileOption(): Option {
  return new Option(
    '--ca-file <file>',
    'PEM file of certificate authorities to trust besides the usual ones',
  );
}

/** `-j, --jobs N`. */
export function jobsOption(what: string, preset: number): Option {
  return new Option('-j, --jobs <n>', `${what} at the same time`)
    .argParser(parseJobs)
    .default(preset)
    .env('PACKFERRY_JOBS');
}

/** A number of things that are done at the same time. */
export function parseJobs(text: string): number {
  const jobs = Number(text);
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > 64)
    throw new InvalidArgumentError('A whole number from 1 to 64 is wanted.');
  return jobs;
}

/** Options on how patient a command is with registries. */
export interface PatienceOptions {
  readonly retries: number;
  /** In seconds, as `timeout`. */
  readonly maxWait: number;
  readonly timeout: number;
}

/** `--retries N`. */
export function retriesOption(): Option {
  return new Option('--retries <n>', 'how often to try again what fails and may pass')
    .argParser(parseRetries)
    .default(5)
    .env('PACKFERRY_RETRIES');
}

/** `--max-wait DURATION`. */
export function maxWaitOption(): Option {
  return new Option('--max-wait <duration>', 'longest wait that a registry may ask for, e.g. 90s or 6h')
    .argParser(parseSpan)
    .default(600, '10m')
    .env('PACKFERRY_MAX_WAIT');
}

/** `--timeout DURATION`. */
export function timeoutOption(): Option {
  return new Option(
    '--timeout <duration>',
    'how long a registry may send nothing, then the connection is cut',
  )
    .argParser(parseSpan)
    .default(60, '60s')
    .env('PACKFERRY_TIMEOUT');
}

function parseRetries(text: string): number {
  if (!/^[0-9]{1,3}$/.test(text)) throw new InvalidArgumentError('A whole number from 0 to 999 is wanted.');
  return Number(text);
}

/** A span of time, in seconds. */
export function parseSpan(text: string): number {
  try {
    return parseWait(text);
  } catch {
    throw new InvalidArgumentError('Write it as 90s, 10m, 6h or 1d.');
  }
}

/** `--trusted-keys FILE`. */
export function trustedKeysOption(): Option {
  return new Option(
    '--trusted-keys <file>',
    "allowed_signers file with the keys that may sign bundles (default: /etc/packferry/allowed_signers, then the one in the user's configuration folder)",
  ).env('PACKFERRY_TRUSTED_KEYS');
}

/** `--revoked-keys FILE`. */
export function revokedKeysOption(): Option {
  return new Option(
    '--revoked-keys <file>',
    'file of public keys that do not count any more, one a line; besides the files "revoked_keys" that lie beside the allowed_signers files of the machine, of the user and the one in use (repeatable)',
  ).argParser(collectValues);
}

/** `--policy FILE`. */
export function policyOption(): Option {
  return new Option(
    '--policy <file>',
    "policy.json of this site: how many principals must have signed, which bundles are taken (default: /etc/packferry/policy.json, then the one in the user's configuration folder)",
  ).env('PACKFERRY_POLICY');
}

/** `--site NAME`. */
export function siteOption(): Option {
  return new Option(
    '--site <name>',
    "the name of this site, for bundles that are for certain sites only (default: the line in /etc/packferry/site, then the one in the user's configuration folder)",
  ).env('PACKFERRY_SITE');
}

/** `--to ENDPOINT`. */
export function toOption(preset: string): Option {
  return new Option(
    '--to <endpoint>',
    `where to: docker:, podman:, either with unix:///PATH, ?sudo or ?as=USER, ssh://[USER@]HOST, oci:DIR, or registry://HOST[:PORT][/PREFIX] (repeatable)${preset}`,
  ).argParser(collectValues);
}

/** `--on-existing WHAT`; `preset` says in words what holds without it, where that is not known before. */
export function onExistingOption(preset?: string): Option {
  const option = new Option(
    '--on-existing <what>',
    'where a name stands for another image at the target: fail, keep that image and leave this one out, move the name and keep that image under it with the time behind the tag, or only move the name' +
      (preset === undefined ? '' : ` (default: ${preset})`),
  ).choices(['error', 'keep', 'retag', 'overwrite']);
  return preset === undefined ? option.default('error') : option;
}

/** `--retag FROM=TO`. */
export function retagOption(): Option {
  return new Option(
    '--retag <from=to>',
    "another name at the targets, as demisto/python3:3.12=demisto/python3:site or 'demisto/*=soc/*'; the first that fits an image counts (repeatable)",
  ).argParser(collectValues);
}

/** `--deep` */
export function deepOption(): Option {
  return new Option(
    '--deep',
    'decompress every layer too, and compare its content with what the image promises: takes longer',
  );
}

/** `--state DIR`. */
export function stateOption(): Option {
  return new Option(
    '--state <dir>',
    "folder of what this site remembers: the bundles that it accepted, receipts (default: /var/lib/packferry for root, else packferry in the user's state folder; env: PACKFERRY_STATE)",
  );
}

/** `--state-copy DIR`. */
export function stateCopyOption(): Option {
  return new Option(
    '--state-copy <dir>',
    'folder, best on another disk, with a second copy of what was accepted, which must agree (env: PACKFERRY_STATE_COPY)',
  );
}

/** `--allow-rollback REASON`. */
export function allowRollbackOption(): Option {
  return new Option(
    '--allow-rollback <reason>',
    'take a bundle although a newer one of its stream was accepted before; the reason is kept',
  );
}

/** `--site-key FILE`. */
export function siteKeyOption(): Option {
  return new Option(
    '--site-key <file>',
    "OpenSSH private key that signs the receipt, or the public key of one that an ssh-agent holds (default: /etc/packferry/site_key, then the one in the user's configuration folder; without any the receipt is not signed)",
  ).env('PACKFERRY_SITE_KEY');
}

/** `--trusted-keys FILE`, where bundles are a source of images. */
export function sourceKeysOption(): Option {
  return new Option(
    '--trusted-keys <file>',
    'allowed_signers file with the keys whose bundles are believed, for images that come from a bundle (default: the places where verify looks)',
  ).env('PACKFERRY_TRUSTED_KEYS');
}

/** `--sequence N`. */
export function sequenceOption(): Option {
  return new Option(
    '--sequence <n>',
    'number of the bundle among those of its name, which only rises (default: the clock, in seconds since 1970)',
  ).argParser(parseSequence);
}

function parseSequence(text: string): number {
  const sequence = Number(text);
  if (!/^[0-9]{1,16}$/.test(text) || !Number.isSafeInteger(sequence))
    throw new InvalidArgumentError('A whole number from 0 to 9007199254740991 is wanted.');
  return sequence;
}

/** Which files of trust are meant. */
export interface PlaceOptions {
  readonly system?: boolean;
  readonly user?: boolean;
  readonly dir?: string;
}

/** Adds `--system`, `--user` and `--dir`, to the commands on files of trust. */
export function addPlaceOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--system', "the machine's files, in /etc/packferry (the default for root)").conflicts([
        'user',
        'dir',
      ]),
    )
    .addOption(
      new Option('--user', 'your own files, in ~/.config/packferry (the default for others)').conflicts([
        'system',
        'dir',
      ]),
    )
    .addOption(
      new Option('--dir <folder>', 'the files in this folder, for instance a copy that is being prepared'),
    );
}

/** `--passphrase-file FILE`. */
export function passphraseOption(): Option {
  return new Option(
    '--passphrase-file <file>',
    'file whose first line is the passphrase of the key; without it an encrypted key is asked for on the terminal',
  ).env('PACKFERRY_PASSPHRASE_FILE');
}

/** `--passphrase-file FILE`, where several keys may sign. */
export function passphrasesOption(): Option {
  return new Option(
    '--passphrase-file <file>',
    'file whose first line is the passphrase of the key; without it an encrypted key is asked for on the terminal (repeatable: with several keys once for each, in the same order, unless only one of them is encrypted)',
  )
    .argParser(collectValues)
    .env('PACKFERRY_PASSPHRASE_FILE');
}

/** `--witness FOLDER`. */
export function witnessOption(): Option {
  return new Option(
    '--witness <folder>',
    'a copy of demisto/dockerfiles-info: digests that differ from what it says of an image are an error',
  );
}

/** `--witness FOLDER`, where bundles arrive. */
export function siteWitnessOption(): Option {
  return new Option(
    '--witness <folder>',
    'a copy of demisto/dockerfiles-info that came on another way than the bundle: images of which it knows other digests are refused; implies --deep',
  ).env('PACKFERRY_WITNESS');
}

/** Adds the options by which a site judges bundles, to every command that opens one there. */
export function addJudgementOptions(command: Command): Command {
  return command
    .addOption(trustedKeysOption())
    .addOption(revokedKeysOption())
    .addOption(policyOption())
    .addOption(siteOption())
    .addOption(stateOption())
    .addOption(stateCopyOption())
    .addOption(allowRollbackOption())
    .addOption(deepOption())
    .addOption(siteWitnessOption());
}

/** For options that may be given several times. */
export function collectValues(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
