import { bundleNamespace } from '../trust/verify.ts';
import { bundleFiles } from './names.ts';

/**
 * load.sh: checks and loads a bundle where there is no packferry. POSIX sh, the same text in every bundle, so that one
 * copy that came on another way serves for all.
 */
export function loaderText(): string {
  return `#!/bin/sh
# Checks the bundle in this folder and loads its images. Needs ssh-keygen (OpenSSH 8.1 or later), sha256sum, and
# docker or podman. Changes nothing in the folder.
#
#   sh ${bundleFiles.loader} ALLOWED_SIGNERS SIGNER [--check | docker | podman]
#
# ALLOWED_SIGNERS  file with the keys that you trust; it must not come from this bundle
# SIGNER           the first word of the key's line in that file
# --check          only check, load nothing
#
# Environment: BUNDLE  the folder of the bundle, when this script lies elsewhere
set -eu
LC_ALL=C
export LC_ALL

fail() {
  printf 'load.sh: %s\\n' "$1" >&2
  exit "$2"
}

if [ $# -lt 2 ] || [ $# -gt 3 ]; then
  fail "usage: sh ${bundleFiles.loader} ALLOWED_SIGNERS SIGNER [--check | docker | podman]" 2
fi
case $1 in
  /*) signers=$1 ;;
  *) signers=$PWD/$1 ;;
esac
signer=$2
engine=\${3:-}
[ -f "$signers" ] || fail "$1: no such file; it holds the keys that you trust" 2
case $engine in
  '')
    if command -v docker >/dev/null 2>&1; then engine=docker
    elif command -v podman >/dev/null 2>&1; then engine=podman
    else fail "neither docker nor podman is installed" 6; fi ;;
  --check) ;;
  docker | podman) command -v "$engine" >/dev/null 2>&1 || fail "$engine is not installed" 6 ;;
  *) fail "the engine is docker or podman, not $engine" 2 ;;
esac
for tool in ssh-keygen sha256sum; do
  command -v "$tool" >/dev/null 2>&1 || fail "$tool is not installed" 2
done
CDPATH= cd -- "\${BUNDLE:-$(dirname -- "$0")}" || fail "the folder of the bundle cannot be entered" 4

echo "Checking the signature ..."
ssh-keygen -Y verify -f "$signers" -I "$signer" -n ${bundleNamespace} \\
  -s ${bundleFiles.signature} < ${bundleFiles.sums} || fail "the signature is not good: load nothing" 4

# sha256sum passes over lines that it does not understand, so the form of the list is checked first.
if grep -Evq '^[0-9a-f]{64}  (packs/)?[A-Za-z0-9_][A-Za-z0-9._-]*$' ${bundleFiles.sums}; then
  fail "${bundleFiles.sums} has a line that is no checksum" 4
fi
for file in * .[!.]* ..?* packs/* packs/.[!.]* packs/..?*; do
  [ -e "$file" ] || [ -L "$file" ] || continue
  case \${file##*/} in
    .DS_Store | ._* | .Spotlight-V100 | .Trashes | .Trash-* | .fseventsd | '$RECYCLE.BIN' | 'System Volume Information' | Thumbs.db | desktop.ini | lost+found)
      echo "Passing over $file"
      continue ;;
  esac
  case $file in
    ${bundleFiles.sums} | ${bundleFiles.signature} | ${bundleFiles.sums}.[0-9].sig | ${bundleFiles.sums}.[0-9][0-9].sig | ${bundleFiles.sums}.[0-9][0-9][0-9].sig) ;;
    packs)
      if [ -d packs ] && [ ! -L packs ]; then continue; fi
      fail "packs is no folder" 4 ;;
    *) cut -c 67- ${bundleFiles.sums} | grep -Fxq -e "$file" || fail "$file is not on the signed list" 4 ;;
  esac
  if [ -L "$file" ] || [ ! -f "$file" ]; then fail "$file is no regular file" 4; fi
done

echo "Checking the files ..."
sha256sum -c ${bundleFiles.sums} || fail "the bundle is damaged: load nothing" 4

if [ "$engine" = --check ]; then
  echo "The bundle is good."
  exit 0
fi
# The names were checked above: they hold no blanks.
for archive in $(cut -c 67- ${bundleFiles.sums} | grep '^images-[0-9]*\\.tar$'); do
  echo "Loading $archive with $engine ..."
  "$engine" load -i "$archive" || fail "$engine could not load $archive" 6
done
echo "Loaded."
`;
}
