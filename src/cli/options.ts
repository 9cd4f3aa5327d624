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

/** A span of time, in seconds. */
export function parseSpan(text: string): number {
  try {
    return parseWait(text);
  } catch {
    throw new InvalidArgumentError('Write it as 90s, 10m, 6h or 1d.');
  }
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

/** `--site-key FILE`. */
export function siteKeyOption(): Option {
  return new Option(
    '--site-key <file>',
    "OpenSSH private key that signs the receipt, or the public key of one that an ssh-agent holds (default: /etc/packferry/site_key, then the one in the user's configuration folder; without any the receipt is not signed)",
  ).env('PACKFERRY_SITE_KEY');
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

/** `--passphrase-file FILE`. */
export function passphraseOption(): Option {
  return new Option(
    '--passphrase-file <file>',
    'file whose first line is the passphrase of the key; without it an encrypted key is asked for on the terminal',
  ).env('PACKFERRY_PASSPHRASE_FILE');
}

/** `--passphrase-file FILE`, where several keys may sign. */
export function passphrasesOption(when = ''): Option {
  return new Option(
    '--passphrase-file <file>',
    `file whose first line is the passphrase of the key; without it an encrypted key is asked for on the terminal (repeatable: with several keys once for each, in the same order, unless only one of them is encrypted)${when}`,
  )
    .argParser(collectValues)
    .env('PACKFERRY_PASSPHRASE_FILE');
}

/** `--site-passphrase-file FILE`, where `--passphrase-file` is that of other keys. */
export function sitePassphraseOption(): Option {
  return new Option(
    '--site-passphrase-file <file>',
    'file whose first line is the passphrase of --site-key; without it an encrypted one is asked for on the terminal',
  ).env('PACKFERRY_SITE_PASSPHRASE_FILE');
}

/** `--witness FOLDER`. */
export function witnessOption(): Option {
  return new Option(
    '--witness <folder>',
    'a copy of demisto/dockerfiles-info: digests that differ from what it says of an image are an error',
  );
}

/** For options that may be given several times. */
export function collectValues(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
