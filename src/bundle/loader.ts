import { bundleNamespace } from '../trust/verify.ts';
import { bundleFiles } from './names.ts';

/**
 * load.sh: checks and loads a bundle where there is no packferry. POSIX sh, the same text in every bundle, so that one
 * copy that came on another way serves for all.
 */
export function loaderText(): string {
  const { sums, signature } = bundleFiles;
  return `#!/bin/sh
# Checks the bundle in this folder and loads its images. Needs ssh-keygen (OpenSSH 8.1 or later), sha256sum, find, and
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

# A name as it can be printed: it may hold line feeds and what terminals take for commands.
shown() {
  printf %s "$1" | tr -c ' -~' '?'
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
for tool in ssh-keygen sha256sum find; do
  command -v "$tool" >/dev/null 2>&1 || fail "$tool is not installed" 2
done
CDPATH= cd -- "\${BUNDLE:-$(dirname -- "$0")}" || fail "the folder of the bundle cannot be entered" 4

# What lies here is checked before anything is opened.
signatures=
files=
for file in * .[!.]* ..?* packs/* packs/.[!.]* packs/..?*; do
  [ -e "$file" ] || [ -L "$file" ] || continue
  case \${file##*/} in
    .DS_Store | ._* | .Spotlight-V100 | .Trashes | .Trash-[0-9]* | .fseventsd | '$RECYCLE.BIN' | 'System Volume Information' | Thumbs.db | desktop.ini | lost+found)
      echo "Passing over $(shown "$file")"
      continue ;;
  esac
  if [ "$file" = packs ] && [ -d packs ] && [ ! -L packs ] && [ -n "$(ls -A packs)" ]; then continue; fi
  case \${file#packs/} in
    *[!A-Za-z0-9._-]*) fail "$(shown "$file") cannot be a file of a bundle: its name has other characters" 4 ;;
  esac
  [ -n "$(find "./$file" -prune -type f -links 1)" ] || fail "$file is no regular file, or has several hard links" 4
  case $file in
    ${sums}) ;;
    ${signature} | ${sums}.[1-9].sig | ${sums}.[1-9][0-9].sig | ${sums}.[1-9][0-9][0-9].sig) signatures="$signatures $file" ;;
    *) files="$files $file" ;;
  esac
done
for file in ${sums} ${signature}; do
  [ -f "$file" ] || fail "$file is missing" 4
done

# From here on the names hold nothing that a shell would split or expand.
echo "Checking the signatures ..."
trusted=no
for signature in $signatures; do
  ssh-keygen -Y check-novalidate -n ${bundleNamespace} -s "$signature" < ${sums} >/dev/null ||
    fail "$signature is no good signature of ${sums}: load nothing" 4
  if ssh-keygen -Y verify -f "$signers" -I "$signer" -n ${bundleNamespace} -s "$signature" < ${sums}; then
    trusted=yes
  else
    echo "$signature is no signature by $signer"
  fi
done
[ "$trusted" = yes ] || fail "no signature is by a key that $1 has for $signer: load nothing" 4

# sha256sum passes over lines that it does not understand, so the form of the list is checked first.
if grep -Evq '^[0-9a-f]{64}  (packs/)?[A-Za-z0-9_][A-Za-z0-9._-]*$' ${sums}; then
  fail "${sums} has a line that is no checksum" 4
fi
for file in $files; do
  cut -c 67- ${sums} | grep -Fxq -e "$file" || fail "$file is not on the signed list" 4
done
archives=$(cut -c 67- ${sums} | grep '^images-[0-9]*\\.tar$') || fail "the signed list has no archive images-NNN.tar" 4

echo "Checking the files ..."
sha256sum -c ${sums} || fail "the bundle is damaged: load nothing" 4

if [ "$engine" = --check ]; then
  echo "The bundle is good."
  exit 0
fi
for archive in $archives; do
  echo "Loading $archive with $engine ..."
  "$engine" load -i "$archive" || fail "$engine could not load $archive" 6
done
echo "Loaded."
`;
}
