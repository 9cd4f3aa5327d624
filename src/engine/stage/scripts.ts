/**
 * What is run by `sh -c` on the far machine, in POSIX shell, each on one line. These texts are constants: whatever changes
 * from call to call is an argument of them. Where a tool that hashes is wanted, its words are the last arguments.
 *
 * The folder of an image is worked in by one run at a time. Its `lock` is a folder, since of several that make one at the
 * same time one succeeds; in it lies an empty file whose name is the claim of who holds it. A claim changes hands by being
 * renamed, which succeeds once. Behind one that was given up stands `.left`: anybody may take it. Whoever waits for a folder
 * has put a file with its own claim into `want` there: a run that was stopped does not remove what somebody waits for, but
 * gives it up, with `.given.left` behind the claim. Where all who waited are gone, the last of them removes it.
 *
 * Exit statuses: 10 for a folder that is not there, 11 for what cannot be written or removed, 12 for content that is not
 * the one that was sent, 15 where another run holds the folder, 16 where another one has removed it meanwhile.
 */
const lines = (...parts: readonly string[]): string => parts.join(' ');

/** How scripts begin that work in a folder, `FOLDER CLAIM ...`: what fails in one that was lost meanwhile fails of that. */
const held = lines(
  '{ cd -- "$1" && [ -f "lock/$2" ]; } 2> /dev/null || exit 15; umask 077; k=lock/$2; shift 2;',
  'trap \'x=$?; [ $x = 0 ] || [ -f "$k" ] || x=15; exit $x\' 0;',
);

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
  '[ -d "$d" ] || mkdir -p -- "$d" || exit 11;',
  'printf "%s %s %s\\n" "$(id -u)" "$(id -g)" "$d";',
  'while :; do ls -ldn -- "$d" || exit 16; [ "$d" = / ] && break; d=${d%/*}; d=${d:-/}; done',
);

/**
 * `ROOT OWNER CLAIM`. Runs as long as the connection. All folders that this owner has held on earlier ones are held by this
 * claim from now on; then prints `ready`. Each line of its input is a sign of life, for others to see in `beat`. At its
 * end, whatever that is, the folders are left to whoever wants them, and what it waited for itself and was given up for it is
 * removed, if nobody else waits. They are named by their paths: others may remove them.
 */
export const keep = lines(
  'trap "" HUP; umask 077; r=$1; o=$2; c=$3;',
  // Twice: the keeper of a connection that is just ending may rename one at the same time.
  'for i in 1 2; do for f in "$r"/*/lock/"$o"-*; do [ -f "$f" ] && mv -f -- "$f" "${f%/*}/$c"; done; done 2> /dev/null;',
  'printf "ready\\n";',
  'while read -r b; do for f in "$r"/*/lock/"$c"; do',
  '[ -f "$f" ] && printf "%s\\n" "$b" > "${f%/lock/*}/beat"; done; done 2> /dev/null;',
  'for f in "$r"/*/lock/"$c"; do [ -f "$f" ] && mv -f -- "$f" "$f.left"; done 2> /dev/null;',
  // A name like those of folders for images: what cannot be removed now is after two days.
  'a=$r/$(printf "%.32s" "$c--------------------------------");',
  'for f in "$r"/*/want/"$c"; do [ -f "$f" ] || continue; rm -f -- "$f"; d=${f%/want/*};',
  'for w in "$d"/want/*; do [ -f "$w" ] && continue 2; done;',
  'for g in "$d"/lock/*.given.left; do',
  '[ -f "$g" ] && mv -- "$g" "$d/lock/$c" && mv -- "$d" "$a" && rm -rf -- "$a" && rmdir -- "$r"; done; done 2> /dev/null; exit 0',
);

/**
 * `ROOT NAME CLAIM SILENT`. Makes the folder of one image, if need be, and takes it where nobody holds it, where it was
 * left, or where the holder is SILENT; a lock in which no holder stands is called `*`. Prints `mine`, and whose the folder
 * is; or the claim of the holder, and whatever changes while it is at work. Removes folders of images that nobody has gone
 * on with for two days.
 */
export const claim = lines(
  'umask 077; cd -- "$1" || exit 16; l=$2/lock; c=$3; s=$4;',
  '[ -d "$2" ] || mkdir -p -- "$2" || exit 11;',
  'if m=$(mkdir -- "$l" 2>&1); then true > "$l/$c" || { rmdir -- "$l"; exit 11; };',
  'else for f in "$l"/*; do case ${f##*/} in *.left | "$s") mv -f -- "$f" "$l/$c" 2> /dev/null ;; esac; done;',
  'if [ "$s" = "*" ]; then rmdir -- "$l" 2> /dev/null; fi; fi;',
  'if [ -f "$l/$c" ]; then printf "mine\\n"; rm -f -- "$2/want/$c"; touch -- "$2"; ls -ldn -- "$2" || exit 16;',
  `find . -type d -name "${'?'.repeat(32)}" -prune -mtime +1 -exec rm -rf -- {} \\;; exit 0; fi;`,
  // Or nothing can be made there.
  '[ -d "$l" ] || { printf "%s\\n" "$m" >&2; exit 16; };',
  '{ [ -d "$2/want" ] || mkdir -- "$2/want"; true > "$2/want/$c"; } 2> /dev/null;',
  'for f in "$l"/*; do printf "%s\\n" "${f##*/}"; done;',
  '{ cat -- "$2/beat"; ls -ln -- "$2"/*.part "$2"/*.fed; } 2> /dev/null; exit 0',
);

/** `FOLDER CLAIM NAMES TOOL...`; the names stand in one argument, and may be `*`. Tells name, size and hash of each file. */
export const list = lines(
  `${held} g=$1; shift;`,
  'for f in $g; do [ -f "$f" ] || continue;',
  'printf "%s %s %s\\n" "$f" "$(($(wc -c < "$f")))" "$("$@" < "$f")"; done',
);

/**
 * `FOLDER CLAIM NAME FROM SIZE SHA256 TOOL...`. Appends its input to the first FROM bytes of a piece; once it is complete and
 * its hash is right, it gets its name. What came before the connection broke is kept.
 */
export const put = lines(
  `${held} n=$1; p=$1.part; f=$2; s=$3; h=$4; shift 4;`,
  '[ "$f" -gt 0 ] || true > "$p" || exit 11;',
  '[ "$(($(wc -c < "$p")))" -eq "$f" ] || exit 12;',
  'cat >> "$p" || exit 11;',
  '[ "$(($(wc -c < "$p")))" -ge "$s" ] || exit 13;',
  'case $("$@" < "$p") in *"$h"*) mv -f -- "$p" "$n" || exit 11 ;; *) rm -f -- "$p"; exit 12 ;; esac',
);

/** `FOLDER CLAIM PARTS TOOL...`; parts are `NAME:PIECES` in one argument. Tells the hash of each part as a whole. */
export const hashes = lines(
  `${held} l=$1; shift;`,
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
 * `FOLDER CLAIM ID FRESH FEED PARTS COMMAND...`; FEED is the script above. Starts it, where FRESH is 1, such that it goes on when
 * the connection breaks; then waits for its end. Prints a dot whenever it got further, at last its words and its status.
 * Exit status 14: it was not started, or ended by a signal.
 */
export const load = lines(
  `${held} d=$1; f=$2; s=$3; shift 3;`,
  'if [ "$f" = 1 ]; then rm -f -- "$d.status" "$d.fed" "$d.pid";',
  'nohup sh -c "$s" sh "$d" "$@" > "$d.log" 2>&1 < /dev/null & echo "$!" > "$d.pid"; fi;',
  'o=; while :; do [ -f "$d.status" ] && break;',
  'if kill -0 "$(cat "$d.pid")" 2> /dev/null; then true; elif [ -f "$d.status" ]; then break; else exit 14; fi;',
  't=$(wc -c 2> /dev/null < "$d.fed"); [ "$t" = "$o" ] || printf .; o=$t;',
  'sleep 0.2 2> /dev/null || sleep 1; done;',
  'printf "\\n"; cat -- "$d.log"; printf "\\nstatus "; cat -- "$d.status"',
);

/**
 * `FOLDER CLAIM AWAY GIVEN`. Removes the folder of an image: under the name AWAY, so that others can begin with a new one at
 * once. Does nothing where another run holds it. Where GIVEN is 1 and somebody waits for it, it is given up instead; it is looked
 * once more who waits then, since whoever gives up waiting looks whether it was given up after that.
 */
export const remove = lines(
  'k=$1/lock/$2; [ -f "$k" ] || exit 0;',
  'waits() { for w in "$1"/want/*; do if [ -f "$w" ]; then return 0; fi; done; return 1; };',
  'if [ "$4" = 1 ] && waits "$1"; then mv -- "$k" "$k.given.left" || exit 11;',
  'if waits "$1"; then exit 0; fi; mv -- "$k.given.left" "$k" 2> /dev/null || exit 0; fi;',
  'mv -- "$1" "$3" || exit 11;',
  'for i in 1 2 3; do rm -rf -- "$3" && break; sleep 1; done;',
  'if [ -e "$3" ]; then exit 11; fi',
);

/** `ROOT`. Removes the folder of everything staged where nothing is in it. */
export const removeRoot = 'rmdir -- "$1" 2> /dev/null; exit 0';
