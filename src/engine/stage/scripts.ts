/**
 * What is run by `sh -c` on the far machine, in POSIX shell, each on one line. These texts are constants: whatever changes
 * from call to call is an argument of them. Where a tool that hashes is wanted, its words are the last arguments.
 *
 * Exit statuses: 10 for a folder that is not there, 11 for what cannot be written or removed, 12 for content that is not
 * the one that was sent.
 */
const lines = (...parts: readonly string[]): string => parts.join(' ');

/** Prints the first tool that hashes with SHA-256 as it should: e3b0... is the hash of nothing. */
export const findHash = lines(
  'for t in sha256sum "openssl dgst -sha256" "busybox sha256sum" "shasum -a 256"; do',
  'case $($t < /dev/null 2> /dev/null) in',
  '*e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855*) printf "%s\\n" "$t"; break ;;',
  'esac; done',
);

/**
 * `BASE`, or nothing for the user's cache folder. Makes the folder for everything staged, if need be, and tells who the
 * user is, where it lies, and whose all folders from there up to the root are.
 */
export const makeRoot = lines(
  'umask 077; b=$1;',
  'if [ -z "$b" ]; then b=$HOME/.cache; mkdir -p -- "$b" || exit 11; fi;',
  'cd -P -- "$b" || exit 10; b=$(pwd -P); d=${b%/}/packferry-stage;',
  '[ -d "$d" ] || mkdir -- "$d" || exit 11;',
  'printf "%s %s %s\\n" "$(id -u)" "$(id -g)" "$d";',
  'while :; do ls -ldn -- "$d" || exit 10; [ "$d" = / ] && break; d=${d%/*}; d=${d:-/}; done',
);

/**
 * `ROOT NAME`. Makes the folder of one image, if need be; removes those of others that nobody has gone on with for two
 * days; tells whose it is, and how much room there is.
 */
export const makeFolder = lines(
  'umask 077; cd -- "$1" || exit 10;',
  '[ -d "$2" ] || mkdir -- "$2" || exit 11; touch -- "$2"; ls -ldn -- "$2" || exit 10;',
  `find . -type d -name "${'?'.repeat(32)}" -prune -mtime +1 -exec rm -rf -- {} \\;;`,
  'df -P -k -- "$2"',
);

/** `FOLDER NAMES TOOL...`; the names stand in one argument, and may be `*`. Tells name, size and hash of each file. */
export const list = lines(
  'cd -- "$1" || exit 10; g=$2; shift 2;',
  'for f in $g; do [ -f "$f" ] || continue;',
  'printf "%s %s %s\\n" "$f" "$(($(wc -c < "$f")))" "$("$@" < "$f")"; done',
);

/**
 * `FOLDER NAME FROM SIZE SHA256 TOOL...`. Appends its input to the first FROM bytes of a piece; once it is complete and
 * its hash is right, it gets its name. What came before the connection broke is kept.
 */
export const put = lines(
  'umask 077; cd -- "$1" || exit 10; n=$2; p=$2.part; f=$3; s=$4; h=$5; shift 5;',
  '[ "$f" -gt 0 ] || true > "$p" || exit 11;',
  '[ "$(($(wc -c < "$p")))" -eq "$f" ] || exit 12;',
  'cat >> "$p" || exit 11;',
  '[ "$(($(wc -c < "$p")))" -ge "$s" ] || exit 13;',
  'case $("$@" < "$p") in *"$h"*) mv -f -- "$p" "$n" || exit 11 ;; *) rm -f -- "$p"; exit 12 ;; esac',
);

/** `FOLDER PARTS TOOL...`; parts are `NAME:PIECES` in one argument. Tells the hash of each part as a whole. */
export const hashes = lines(
  'cd -- "$1" || exit 10; l=$2; shift 2;',
  'for p in $l; do b=${p%:*}; n=${p#*:}; i=0; printf "%s " "$b";',
  'while [ "$i" -lt "$n" ]; do cat -- "$b.$i" || break; i=$((i+1)); done | "$@" || exit 11; done',
);

/**
 * `ID PARTS COMMAND...`, in the folder. Hands the parts to a command, one behind the other; at the first that is missing
 * the stream ends, so that the last one, without which engines keep nothing, is not given. The command runs in `/`: it may be
 * one of a user who may not enter the folder.
 */
export const feed = lines(
  'd=$1; l=$2; shift 2;',
  '{ for p in $l; do b=${p%:*}; n=${p#*:}; i=0;',
  'while [ "$i" -lt "$n" ]; do cat -- "$b.$i" || exit 1; i=$((i+1)); printf . >> "$d.fed"; done; done; }',
  '| (cd / && exec "$@"); printf "%s\\n" "$?" > "$d.s"; mv -f -- "$d.s" "$d.status"',
);

/**
 * `FOLDER ID FRESH FEED PARTS COMMAND...`; FEED is the script above. Starts it, where FRESH is 1, such that it goes on when
 * the connection breaks; then waits for its end. Prints a dot whenever it got further, at last its words and its status.
 * Exit status 14: it was not started, or ended by a signal.
 */
export const load = lines(
  'umask 077; cd -- "$1" || exit 10; d=$2; f=$3; s=$4; shift 4;',
  'if [ "$f" = 1 ]; then rm -f -- "$d.status" "$d.fed" "$d.pid";',
  'nohup sh -c "$s" sh "$d" "$@" > "$d.log" 2>&1 < /dev/null & echo "$!" > "$d.pid"; fi;',
  'o=; while :; do [ -f "$d.status" ] && break;',
  'if kill -0 "$(cat "$d.pid")" 2> /dev/null; then true; elif [ -f "$d.status" ]; then break; else exit 14; fi;',
  't=$(wc -c 2> /dev/null < "$d.fed"); [ "$t" = "$o" ] || printf .; o=$t;',
  'sleep 0.2 2> /dev/null || sleep 1; done;',
  'printf "\\n"; cat -- "$d.log"; printf "\\nstatus "; cat -- "$d.status"',
);

/** `FOLDER`. Removes the folder of an image. */
export const remove = lines(
  'for i in 1 2 3; do rm -rf -- "$1" && break; sleep 1; done;',
  'if [ -e "$1" ]; then exit 11; fi',
);

/** `ROOT`. Removes the folder of everything staged where nothing is in it. */
export const removeRoot = 'rmdir -- "$1" 2> /dev/null; exit 0';
