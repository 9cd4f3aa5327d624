import { Option } from 'commander';
import { stateOption } from '../judgement-options.ts';
import { defaultBase } from '../../flows/build/recipe.ts';
import { audienceOption, expiresAfterOption } from '../bundle-terms.ts';
import {
  collectValues,
  passphrasesOption,
  sequenceOption,
  siteKeyOption,
  sitePassphraseOption,
  toOption,
} from '../options.ts';
import { keysOption, volumeSizeOption } from '../signing-options.ts';
import { stageDirOption, stageOption } from '../stage-options.ts';
import type { AddCommand } from './command.ts';

/** Adds the command to the program. */
export const addBuild: AddCommand = (program, bind) =>
  program
    .command('build')
    .summary('build an image of your own: a base with more packages')
    .description(
      'Has an engine build an image from a base that it has, with Python packages and packages of the system, as /docker_image_create of XSOAR does. The Dockerfile can be read first (--dry-run), every value in it is checked, and labels of the image say what it was made of. The image gets its name when it is there as a whole. From there it can be brought on (--to, --hosts), and go into a bundle (--export).',
    )
    .argument('<name[:tag]>', 'name of the new image')
    .option('--from <base>', 'the base; it has to be on the engine', defaultBase)
    .option(
      '--python <requirement>',
      "Python package, as 'requests==2.32.3' or 'requests[socks]>=2.31,<3' (repeatable)",
      collectValues,
    )
    .option(
      '--requirements <file>',
      'requirements file of pip, without options but --hash (repeatable)',
      collectValues,
    )
    .option(
      '--package <name>',
      'package of the operating system, as libxml2 or libxml2=VERSION (repeatable)',
      collectValues,
    )
    .option(
      '--package-manager <name>',
      'apk, apt or dnf (default: by the os-release of the base, which is run once for that)',
    )
    .option(
      '--wheels <dir>',
      'install Python packages out of this folder of wheels alone, without index and network',
    )
    .option(
      '--index-url <url>',
      'index of Python packages, in place of the one that pip of the base is set to',
    )
    .addOption(
      new Option(
        '--network <which>',
        'network of the build (default: none with --wheels and without --package, else the default of the engine)',
      ).choices(['none', 'default', 'host']),
    )
    .option('--no-check', 'leave out "pip check", which fails where packages contradict each other')
    .option(
      '--on <endpoint>',
      'the engine that builds: docker:, podman:, either with unix:///PATH, ?sudo or ?as=USER, or ssh://[USER@]HOST',
      'docker:',
    )
    .addOption(
      new Option(
        '--on-existing <what>',
        'where the name stands for another image: fail, move the name and keep that image under it with the time behind the tag, or only move the name',
      )
        .choices(['error', 'retag', 'overwrite'])
        .default('error'),
    )
    .addOption(toOption('; the image is brought there once it is built'))
    .addOption(stageOption())
    .addOption(stageDirOption())
    .option('--export <dir>', 'also write the image into a signed bundle; the folder becomes the bundle')
    .option(
      '--bundle-name <name>',
      'the stream of bundles that this one belongs to (default: by the image, as acme-tool)',
    )
    .addOption(keysOption(' (with --export)'))
    .addOption(passphrasesOption(' (with --export)'))
    .addOption(volumeSizeOption())
    .addOption(sequenceOption())
    .addOption(audienceOption(''))
    .addOption(expiresAfterOption(''))
    .addOption(stateOption())
    .addOption(siteKeyOption())
    .addOption(sitePassphraseOption())
    .option('--dry-run', 'print the Dockerfile, build nothing')
    .action(bind(async () => (await import('../actions/build.ts')).buildCommand));
