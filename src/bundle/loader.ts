import { loaderScript } from './loader-script.ts';

/**
 * load.sh: checks and loads a bundle where there is no packferry. POSIX sh, the same text in every bundle of a version, so
 * that one copy that came on another way serves for all. Its source is load.sh at the top of the project, which is a part
 * of the package, too; `npm run generate` brings it here.
 */
export function loaderText(): string {
  return loaderScript;
}
