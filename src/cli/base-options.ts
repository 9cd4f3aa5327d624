import { Option } from 'commander';
import { collectValues } from './options.ts';

/** `--base PLACE`. */
export function baseOption(): Option {
  return new Option(
    '--base <place>',
    'leave out layers that the other side has: the folder of a bundle that was imported there, a receipt of that import, or what "inventory -o" wrote there; of several, it has all (repeatable)',
  ).argParser(collectValues);
}

/** `--repair FILE`. */
export function repairOption(): Option {
  return new Option(
    '--repair <file>',
    'carry only what is lost of a damaged bundle, by the file that "verify --damage" wrote; imported together with that bundle',
  );
}

/** `--with DIR`. */
export function withOption(): Option {
  return new Option(
    '--with <dir>',
    'a bundle that lends what this one leaves out: an earlier one, or the damaged one that it repairs (repeatable)',
  ).argParser(collectValues);
}
