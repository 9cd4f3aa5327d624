import { Option } from 'commander';
import { baseOption, repairOption } from '../base-options.ts';
import { audienceOption, expiresAfterOption } from '../bundle-terms.ts';
import { importerOption } from '../importer-option.ts';
import { collectValues, jobsOption, passphrasesOption, sequenceOption, witnessOption } from '../options.ts';
import { sourceKeysOption } from '../judgement-options.ts';
import { keysOption, volumeSizeOption } from '../signing-options.ts';
import type { AddCommand } from './command.ts';

/** Adds the command to the program. */
export const addExport: AddCommand = (program, bind) =>
  program
    .command('export')
    .summary('pull every image and write a signed bundle')
    .description(
      'Pulls every image that a manifest or content packs need and writes a signed bundle of docker save archives. Run again after an interruption, it goes on where it stopped.',
    )
    .argument('<manifest-or-pack...>', 'one export manifest, or content pack folders')
    .requiredOption('-o, --output <dir>', 'the folder that becomes the bundle')
    .addOption(keysOption('; without it those that the manifest names'))
    .addOption(passphrasesOption())
    .addOption(volumeSizeOption())
    .option('--per-image', 'one archive per image')
    .addOption(sequenceOption())
    .addOption(audienceOption('what the manifest says, else '))
    .addOption(expiresAfterOption('what the manifest says, else '))
    .option('--lock <file>', 'the lock file that --frozen-lock uses')
    .option('--frozen-lock', 'take digests from the lock file; fail if it does not fit the manifest')
    .option('--dry-run', 'resolve and plan, write nothing')
    .option(
      '--keep-going',
      'when images or blobs cannot be had, fetch the others before giving up (status 3): the next run fetches what is missing',
    )
    .addOption(
      new Option(
        '--reuse <bundle>',
        'an earlier bundle whose blobs are taken from there instead of being fetched; also oci:DIR (repeatable)',
      ).argParser(collectValues),
    )
    .addOption(baseOption())
    .addOption(repairOption())
    .option('--with-packs', 'also carry the packs that are built zips, ready for upload')
    .addOption(importerOption())
    .addOption(witnessOption())
    .addOption(sourceKeysOption())
    .addOption(jobsOption('blobs that are fetched', 10))
    .action(bind(async () => (await import('../actions/export.ts')).exportCommand));
