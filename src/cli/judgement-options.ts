import { Option, type Command } from 'commander';
import { collectValues } from './options.ts';

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

/** `--trusted-keys FILE`, where bundles are a source of images. */
export function sourceKeysOption(): Option {
  return new Option(
    '--trusted-keys <file>',
    'allowed_signers file with the keys whose bundles are believed, for images that come from a bundle (default: the places where verify looks)',
  ).env('PACKFERRY_TRUSTED_KEYS');
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
