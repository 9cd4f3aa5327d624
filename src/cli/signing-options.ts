import { Option } from 'commander';
import { asPackferryError } from '../core/errors.ts';
import { parseSize } from '../core/size.ts';
import { collectValues } from './options.ts';

/** `--key FILE`, of commands that write a bundle; `preset` says what holds without it. */
export function keysOption(preset: string): Option {
  return new Option(
    '--key <file>',
    `OpenSSH private key that signs the bundle, or the public key or certificate of one that an ssh-agent holds${preset} (repeatable, for several signers)`,
  )
    .argParser(collectValues)
    .env('PACKFERRY_KEY');
}

/** `--volume-size SIZE`. */
export function volumeSizeOption(): Option {
  return new Option(
    '--volume-size <size>',
    'largest archive, for instance 700MB (default: 4 GiB - 1 byte, for FAT32)',
  );
}

/** What `--volume-size` says, in bytes. Throws `E_USAGE`. */
export function volumeSizeOf(text: string): number {
  try {
    return parseSize(text);
  } catch (fault) {
    const error = asPackferryError(fault);
    throw error.with(`--volume-size: ${error.message}`);
  }
}
