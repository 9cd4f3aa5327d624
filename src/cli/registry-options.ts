import { InvalidArgumentError, Option, type Command } from 'commander';
import { collectValues, parseSpan } from './options.ts';

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
