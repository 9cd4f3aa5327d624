import { Option } from 'commander';

/** `--stage`. */
export function stageOption(): Option {
  return new Option(
    '--stage',
    'for links that break often: to engines over SSH, images go in pieces into a folder there, are compared and loaded from it, and it is removed; what a killed run had sent is gone on with',
  );
}

/** `--stage-dir DIR`. */
export function stageDirOption(): Option {
  return new Option(
    '--stage-dir <dir>',
    'the same in this folder there, which must exist (default: ~/.cache of the user there)',
  );
}
