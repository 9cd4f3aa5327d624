#!/bin/sh
# Checks a bundle of packferry and loads its images, where there is no packferry. It changes nothing in the bundle.
#
#   sh load.sh [--check] ALLOWED_SIGNERS SIGNER [BUNDLE]
#
# ALLOWED_SIGNERS  file with the keys that you trust (ssh-keygen(1), "ALLOWED SIGNERS"); never from the bundle
# SIGNER           whose signature it takes: the name of the key in that file; several with commas between them
# BUNDLE           the folder of the bundle; by default the one in which this script lies
# --check          only check, load nothing
#
# Environment:
# THRESHOLD=N      N of the signers must have signed, each with a key of his own (1)
# REVOKED_KEYS     file with keys that do not count any more. /etc/packferry/revoked_keys and a file revoked_keys beside
#                  ALLOWED_SIGNERS are read too, where they are
# SITE             the name of this site, for bundles that are for certain sites only (else /etc/packferry/site)
# ENGINE           docker or podman (the one that is installed; docker when both are)
# PODMAN_USER      the user whose images Podman is to load, by runuser or "sudo -n"
# VERIFY_WITH      ssh-keygen or openssl (ssh-keygen when it can: OpenSSH 8.1 or later)
#
# Needs awk, od, dd, tee, and: ssh-keygen, or openssl; sha256sum, shasum, or openssl; docker or podman. Ends with 0 when
# all is done, 2 when it was called wrongly or a tool is missing, 4 when the bundle is not good, 6 when loading failed.
#
# A script cannot vouch for itself: trust a copy that reached you on another way than the bundle. It is the same in every
# bundle of a version; docs/without-packferry.md tells its hash.
set -euf
LC_ALL=C
export LC_ALL
IFS=' 	
'
unset CDPATH
umask 077

namespace=bundle@packferry
loading=
temporary=

say() { printf '%s\n' "$1"; }

# What went wrong, and the exit status that it means.
fail() {
  printf 'load.sh: %s\n' "$1" >&2
  if [ "$2" = 4 ] && [ -z "$loading" ]; then printf 'load.sh: the bundle is refused; nothing was loaded\n' >&2; fi
  exit "$2"
}

# A name as it can be printed: it may hold line feeds and what terminals take for commands.
shown() { printf %s "$1" | tr -c ' -~' '?'; }

has() { command -v "$1" >/dev/null 2>&1; }

clean() { if [ -n "$temporary" ]; then rm -rf -- "$temporary"; fi; }
trap clean EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- What was asked for

usage() { fail "$1; usage: sh load.sh [--check] ALLOWED_SIGNERS SIGNER [BUNDLE]" 2; }

# A path that stays the same in another folder, and that no tool takes for an option.
absolute() {
  case $1 in
    /*) printf '%s/' "$1" ;;
    *) printf '%s/%s/' "$PWD" "$1" ;;
  esac
}

check_only=no
if [ "${1:-}" = --check ]; then
  check_only=yes
  shift
fi
if [ $# -lt 2 ] || [ $# -gt 3 ]; then usage "it takes two or three arguments"; fi
# The slash keeps line feeds at the end of a name, which $(...) would drop.
signers=$(absolute "$1")
signers=${signers%/}
names=$2
bundle=${3:-}
if [ -z "$bundle" ]; then
  case $0 in
    */*) bundle=${0%/*}/ ;;
    *) bundle=. ;;
  esac
fi
bundle=$(absolute "$bundle")
list_of_revoked=
if [ -n "${REVOKED_KEYS:-}" ]; then
  list_of_revoked=$(absolute "$REVOKED_KEYS")
  list_of_revoked=${list_of_revoked%/}
  [ -f "$list_of_revoked" ] || fail "REVOKED_KEYS: $(shown "$REVOKED_KEYS"): no such file" 2
fi
[ -f "$signers" ] || fail "$(shown "$1"): no such file; it holds the keys that you trust" 2
[ -r "$signers" ] || fail "$(shown "$1") cannot be read" 2
case $names in
  '' | ,* | *, | *,,* | *[!A-Za-z0-9.,@_+:/-]*) usage "$(shown "$names") is no name of a signer" ;;
esac
threshold=${THRESHOLD:-1}
case $threshold in
  [1-9] | [1-9][0-9] | [1-9][0-9][0-9]) ;;
  *) fail "THRESHOLD is a number from 1 to 999, not $(shown "$threshold")" 2 ;;
esac
user=${PODMAN_USER:-}
case $user in
  -* | *[!A-Za-z0-9._@-]*) fail "PODMAN_USER is no name of a user: $(shown "$user")" 2 ;;
esac
engine=${ENGINE:-}
if [ -z "$engine" ] && [ -n "$user" ]; then engine=podman; fi
if [ -z "$engine" ]; then
  if has docker; then engine=docker; else engine=podman; fi
fi
case $engine in
  docker) [ -z "$user" ] || fail "PODMAN_USER is for ENGINE=podman" 2 ;;
  podman) ;;
  *) fail "ENGINE is docker or podman, not $(shown "$engine")" 2 ;;
esac
for tool in awk od dd tee tr ls cat date; do
  has "$tool" || fail "$tool is not installed" 2
done

# "ssh-keygen -Y" came with OpenSSH 8.1. Older ones call it an unknown option.
can_verify() {
  has ssh-keygen || return 1
  case $(ssh-keygen -Y check-novalidate -n x -s /dev/null </dev/null 2>&1) in
    *option*) return 1 ;;
  esac
}
verifier=${VERIFY_WITH:-}
if [ -z "$verifier" ]; then
  if can_verify; then verifier=ssh-keygen; else verifier=openssl; fi
fi
case $verifier in
  ssh-keygen) can_verify || fail "there is no ssh-keygen of OpenSSH 8.1 or later" 2 ;;
  openssl) has openssl || fail "there is neither ssh-keygen of OpenSSH 8.1 or later nor openssl" 2 ;;
  *) fail "VERIFY_WITH is ssh-keygen or openssl, not $(shown "$verifier")" 2 ;;
esac

# The words of a command that prints the SHA-256 or SHA-512 of its input in hex, and perhaps more after a blank.
summing() {
  if has "sha$1sum"; then printf 'sha%ssum' "$1"
  elif has shasum; then printf 'shasum -a %s' "$1"
  elif has openssl; then printf 'openssl dgst -sha%s -r' "$1"
  fi
}
sum256=$(summing 256)
sum512=$(summing 512)
[ -n "$sum256" ] || fail "neither sha256sum nor shasum nor openssl is installed" 2

# The SHA-256 in hex of standard input, or nothing when it cannot be read to its end.
sha256() {
  hash=$($sum256 2>/dev/null) || return 0
  printf %s "${hash%%[!0-9a-f]*}"
}

cd -- "$bundle" 2>/dev/null || fail "the folder of the bundle, $(shown "${bundle%/}"), cannot be entered" 4

# What decides on trust may not come from what is to be judged. The letter keeps line feeds at the end of names.
outside() {
  where=$(cd -- "${1%/*}/" 2>/dev/null && pwd -P && printf P) || fail "the folder of $(shown "$1") cannot be entered" 2
  here=$(pwd -P && printf P)
  case ${where%?P}/ in
    "${here%?P}"/*) fail "$(shown "$1") lies in the bundle: what you trust must reach you on another way" 2 ;;
  esac
}
outside "$signers"
if [ -n "$list_of_revoked" ]; then outside "$list_of_revoked"; fi

# Runs the words with each list of revoked keys behind them, until one fails.
with_each_list() {
  for keys_file in /etc/packferry/revoked_keys "${signers%/*}/revoked_keys" "$list_of_revoked"; do
    if [ -e "$keys_file" ] || [ -L "$keys_file" ]; then "$@" "$keys_file" || return 1; fi
  done
}

# ---- What lies in the folder: looked at by "ls" before anything is opened

signatures=
files=
faults=0
fault() {
  printf 'load.sh: %s\n' "$1" >&2
  faults=$((faults + 1))
}

# The size of a file of the bundle, when it is a regular one with one name.
size_of() {
  # shellcheck disable=SC2046 # the words of ls; the name has no blanks
  set -- $(ls -ldn "./$1" 2>/dev/null)
  case ${1:-} in
    -*) if [ "${2:-}" = 1 ]; then printf %s "${5:-}"; fi ;;
  esac
}

set +f
for file in * .[!.]* ..?* packs/* packs/.[!.]* packs/..?*; do
  [ -e "$file" ] || [ -L "$file" ] || continue
  base=${file##*/}
  case $base in
    .DS_Store | ._* | .Spotlight-V100 | .Trashes | .fseventsd | '$RECYCLE.BIN' | 'System Volume Information' | Thumbs.db | desktop.ini | lost+found)
      say "Passing over $(shown "$file")"
      continue ;;
    .Trash-[0-9]*)
      case ${base#.Trash-} in
        *[!0-9]*) ;;
        *) say "Passing over $(shown "$file")" && continue ;;
      esac ;;
  esac
  if [ "$file" = packs ] && [ -d packs ] && [ ! -L packs ] && [ -n "$(ls -A packs)" ]; then continue; fi
  case ${file#packs/} in
    *[!A-Za-z0-9._-]*)
      fault "$(shown "$file") cannot be a file of a bundle: its name has other characters"
      continue ;;
  esac
  if [ -z "$(size_of "$file")" ]; then
    fault "$file is no regular file, or has several hard links"
    continue
  fi
  case $file in
    SHA256SUMS) ;;
    SHA256SUMS.sig | SHA256SUMS.[2-9].sig | SHA256SUMS.[1-9][0-9].sig | SHA256SUMS.[1-9][0-9][0-9].sig)
      signatures="$signatures $file" ;;
    export.journal | export.lock) fail "the export into this folder has not finished" 4 ;;
    *) files="$files $file" ;;
  esac
done
set -f
[ "$faults" = 0 ] || fail "the folder holds what no bundle has" 4
for file in SHA256SUMS SHA256SUMS.sig bundle.json; do
  [ -f "$file" ] || fail "$file is missing" 4
done

# Reads a small file of text once: what is checked is what is used. The dot keeps line feeds at the end.
read_text() {
  size=$(size_of "$1")
  if [ "${size:-0}" -gt "$2" ]; then fail "$1 is too large: $size bytes" 4; fi
  [ "$(tr -dc '\000' <"./$1" | wc -c)" -eq 0 ] || fail "$1 is no text" 4
  text=$(cat "./$1" && printf .) || fail "$1 cannot be read" 4
  text=${text%.}
}
read_text SHA256SUMS 4194304
list=$text

# ---- Signatures

# Functions in awk for base64 and for the encoding of SSH (RFC 4251 section 5), all in hex: awk cannot hold every byte.
wire='
function decode(text,   n, pad, body, i, j, bits, out) {
  n = length(text)
  if (n == 0 || n % 4 != 0) return ""
  if (!ready) {
    for (i = 1; i <= 64; i++)
      digit[substr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", i, 1)] = i - 1
    for (i = 33; i < 127; i++) { code[sprintf("%c", i)] = sprintf("%02x", i); letter[sprintf("%02x", i)] = sprintf("%c", i) }
    ready = 1
  }
  pad = substr(text, n - 1) == "==" ? 2 : substr(text, n) == "=" ? 1 : 0
  body = substr(text, 1, n - pad)
  if (body ~ /[^A-Za-z0-9+\/]/) return ""
  out = ""
  for (i = 1; i <= n; i += 4) {
    bits = 0
    for (j = i; j < i + 4; j++) bits = bits * 64 + (j <= n - pad ? digit[substr(body, j, 1)] : 0)
    out = out sprintf("%06x", bits)
  }
  # One way only to write the same bytes: the bits that the padding leaves over are zero.
  n = length(out) - 2 * pad
  if (pad && substr(out, n + 1) !~ /^0+$/) return ""
  return substr(out, 1, n)
}
function open(hex) { data = hex; left = length(hex) / 2; broken = 0 }
function take(n,   part) {
  if (broken || n > left) { broken = 1; return "" }
  part = substr(data, length(data) - 2 * left + 1, 2 * n)
  left -= n
  return part
}
function number(hex,   i, n) {
  n = 0
  for (i = 1; i <= length(hex); i++) n = n * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
  return n
}
function string() { return take(number(take(4))) }
function name(hex,   i, out) {
  out = ""
  for (i = 1; i <= length(hex); i += 2) out = out (substr(hex, i, 2) in letter ? letter[substr(hex, i, 2)] : "?")
  return out
}
function hexed(text,   i, out) {
  out = ""
  for (i = 1; i <= length(text); i++) out = out code[substr(text, i, 1)]
  return out
}
function framed(hex) { return sprintf("%08x", length(hex) / 2) hex }
# A positive number in the one shortest form. Its bytes are those of an INTEGER in DER, too.
function positive(hex) { return hex != "" && hex !~ /^[89a-f]/ && hex !~ /^00([0-7]|$)/ }
function known(type) {
  return type ~ /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)$/
}
'

# Reads a signature file, stricter than ssh-keygen does, and prints: the type of the key, the key, the hash, the algorithm
# and the bytes of the signature; or why it is none.
envelope='
function no(why) { print "no " why; over = 1; exit }
NR == 1 { if ($0 != "-----BEGIN SSH SIGNATURE-----") no("it does not start as a signature does"); next }
ended { no("there is unsigned data after its last line") }
$0 == "-----END SSH SIGNATURE-----" { ended = 1; next }
$0 == "" { no("it has an empty line") }
{ text = text $0 }
END {
  if (over) exit
  if (!ended) no("it does not end as a signature does")
  hex = decode(text)
  if (hex == "") no("it holds no proper base64")
  open(hex)
  if (take(6) != "535348534947") no("it is no SSH signature")
  if (take(4) != "00000001") no("its version is not 1")
  key = string()
  if (name(string()) != "bundle@packferry") no("it was not made for bundle@packferry")
  if (string() != "") no("its reserved field is not empty")
  hash = name(string())
  signature = string()
  if (broken || left) no("its parts do not fit")
  if (hash != "sha256" && hash != "sha512") no("it uses another hash than sha256 and sha512")
  open(key)
  type = name(string())
  if (broken) no("its key is none")
  plain = type
  sub(/-cert-v01@openssh\.com$/, plain ~ /^sk-/ ? "@openssh.com" : "", plain)
  if (!known(plain)) no("it is by a key of an unknown type")
  open(signature)
  algorithm = name(string())
  bytes = string()
  if (plain ~ /^sk-/) { flags = take(1); take(4) }
  if (broken || left) no("the parts of its inner signature do not fit")
  if (plain == "ssh-rsa" ? algorithm !~ /^rsa-sha2-(256|512)$/ : algorithm != plain) no("its algorithm does not fit its key")
  if (plain ~ /^sk-/ && flags !~ /[13579bdf]$/) no("the security key was not touched")
  if (plain ~ /ecdsa/) {
    open(bytes)
    r = string(); s = string()
    if (broken || left || !positive(r) || !positive(s)) no("its numbers are not written as they should be")
  }
  print "yes", type, key, hash, algorithm, bytes
}
'

# For openssl: the public key in DER and the signature as openssl takes it, in hex, and the hash of the algorithm.
for_openssl='
function no(why) { print "no " why; over = 1; exit }
function der(tag, hex,   n) {
  n = length(hex) / 2
  return tag (n < 128 ? sprintf("%02x", n) : n < 256 ? sprintf("81%02x", n) : sprintf("82%04x", n)) hex
}
function bits(hex) { return der("03", "00" hex) }
function curve(size, oid, hash,   point) {
  if (name(string()) != substr(type, 12)) no("the curve of its key is another one")
  point = string()
  if (broken || left || length(point) != 4 * size + 2 || point !~ /^04/) no("its key is no point of the curve")
  open(ENVIRON["SIGNATURE"])
  r = string(); s = string()
  if (length(r) > 2 * size + 2 || length(s) > 2 * size + 2) no("its numbers are too large")
  print "yes", der("30", der("30", "06072a8648ce3d0201" der("06", oid)) bits(point)), der("30", der("02", r) der("02", s)), hash
}
BEGIN {
  decode("AAAA")
  open(ENVIRON["KEY"])
  type = name(string())
  if (type == "ecdsa-sha2-nistp256") curve(32, "2a8648ce3d030107", "sha256")
  else if (type == "ecdsa-sha2-nistp384") curve(48, "2b81040022", "sha384")
  else if (type == "ecdsa-sha2-nistp521") curve(66, "2b81040023", "sha512")
  else if (type == "ssh-rsa") {
    e = string(); n = string()
    if (broken || left || !positive(e) || !positive(n)) no("its key is malformed")
    sub(/^00/, "", n)
    if (length(n) < 512 || (length(n) == 512 && n !~ /^[89a-f]/)) no("its RSA key has less than 2048 bits")
    if (n ~ /^[89a-f]/) n = "00" n
    rsa = der("30", der("30", "06092a864886f70d010101" "0500") bits(der("30", der("02", n) der("02", e))))
    print "yes", rsa, ENVIRON["SIGNATURE"], ENVIRON["ALGORITHM"] == "rsa-sha2-512" ? "sha512" : "sha256"
  } else if (type == "ssh-ed25519") {
    point = string()
    if (broken || left || length(point) != 64 || length(ENVIRON["SIGNATURE"]) != 128) no("its key or signature has a wrong length")
    print "yes", "302a300506032b6570032100" point, ENVIRON["SIGNATURE"], "ed25519"
  } else no("openssl cannot check keys of the type " type)
}
'

# Writes the bytes that are given in hex.
binary() { printf %b "$(printf %s "$1" | awk '{ for (i = 1; i <= length($0); i += 2) printf "\\0%o", 16 * (index("0123456789abcdef", substr($0, i, 1)) - 1) + index("0123456789abcdef", substr($0, i + 1, 1)) - 1 }')"; }

make_temporary() {
  [ -z "$temporary" ] || return 0
  for place in "${TMPDIR:-/tmp}" /tmp /var/tmp /dev/shm; do
    temporary=$(mktemp -d "$place/packferry.XXXXXX" 2>/dev/null) && return 0
    temporary=
  done
  fail "there is no folder for a few small temporary files; name one with TMPDIR" 2
}

# Is the signature good, whoever made it? By openssl alone: what was signed is built anew (PROTOCOL.sshsig), not taken
# from the file. Arguments: file, type, key, hash, algorithm, signature.
good_by_openssl() {
  answer=$(KEY=$3 SIGNATURE=$6 ALGORITHM=$5 awk "$wire$for_openssl") || fail "awk failed on $1" 4
  case $answer in 'no '*) fail "$1 is no good signature: ${answer#no }" 4 ;; esac
  file=$1 type=$2 hash_name=$4
  # shellcheck disable=SC2086 # words without blanks
  set -- $answer
  if [ "$4" = ed25519 ]; then
    case $(openssl version) in
      'OpenSSL 0'* | 'OpenSSL 1'* | LibreSSL*)
        fail "$file is by an Ed25519 key, which $(openssl version) cannot check; it takes OpenSSL 3, or ssh-keygen of OpenSSH 8.1. Have the bundle signed with a P-256 key (ecdsa-sha2-nistp256)" 4 ;;
    esac
  fi
  case $hash_name in sha512) summer=$sum512 length=40 ;; *) summer=$sum256 length=20 ;; esac
  [ -n "$summer" ] || fail "neither sha512sum nor shasum nor openssl is installed" 2
  hash=$(printf %s "$list" | $summer) || fail "SHA256SUMS cannot be hashed" 4
  hash=${hash%%[!0-9a-f]*}
  # "SSHSIG", then as strings: namespace, nothing, the name of the hash, the hash.
  case $hash_name in sha512) middle=736861353132 ;; *) middle=736861323536 ;; esac
  signed=5353485349470000001062756e646c65407061636b66657272790000000000000006${middle}000000$length$hash
  [ "${#signed}" -eq $((88 + 2 * 0x$length)) ] || fail "SHA256SUMS cannot be hashed" 4
  make_temporary
  binary "$2" >"$temporary/key.der"
  binary "$3" >"$temporary/signature"
  binary "$signed" >"$temporary/signed"
  openssl pkey -pubin -inform DER -in "$temporary/key.der" -out "$temporary/key.pem" 2>/dev/null ||
    fail "$file is no good signature: openssl does not take its key" 4
  if [ "$4" = ed25519 ]; then
    answer=$(openssl pkeyutl -verify -pubin -inkey "$temporary/key.pem" -rawin -in "$temporary/signed" -sigfile "$temporary/signature" 2>&1)
  else
    answer=$(openssl dgst "-$4" -verify "$temporary/key.pem" -signature "$temporary/signature" "$temporary/signed" 2>&1)
  fi || fail "$file is no good signature of SHA256SUMS" 4
  case $answer in
    'Verified OK' | 'Signature Verified Successfully') ;;
    *) fail "$file is no good signature of SHA256SUMS" 4 ;;
  esac
}

# Does a line of allowed_signers admit this key for this name, here and now? For openssl only: ssh-keygen reads the file
# itself. A line that cannot be read refuses the whole file: a restriction that was mistyped must not vanish.
admits='
function bad(why) { print "bad " FILENAME ":" NR ": " why; over = 1; exit }
function matches(patterns, what,   n, i, j, c, part, negated, regex, hit) {
  n = split(patterns, part, ",")
  hit = 0
  for (i = 1; i <= n; i++) {
    negated = sub(/^!/, "", part[i])
    if (part[i] == "") bad("an empty pattern")
    regex = "^"
    for (j = 1; j <= length(part[i]); j++) {
      c = substr(part[i], j, 1)
      regex = regex (c == "*" ? ".*" : c == "?" ? "." : c ~ /[A-Za-z0-9@_:,\/-]/ ? c : c == "\\" || c == "^" ? "\\" c : "[" c "]")
    }
    if (what ~ (regex "$")) { if (negated) return 0; hit = 1 }
  }
  return hit
}
function moment(text,   days, y, m, d) {
  if (text !~ /^[0-9]+Z?$/) bad("no time: " text)
  if (text !~ /Z$/) cannot = "its times have no Z; openssl cannot judge local times"
  sub(/Z$/, "", text)
  if (length(text) != 8 && length(text) != 12 && length(text) != 14) bad("no time: " text)
  text = substr(text "000000", 1, 14)
  y = substr(text, 1, 4) + 0; m = substr(text, 5, 2) + 0; d = substr(text, 7, 2) + 0
  days = m == 2 ? (y % 4 == 0 && (y % 100 != 0 || y % 400 == 0) ? 29 : 28) : m == 4 || m == 6 || m == 9 || m == 11 ? 30 : 31
  if (y < 1970 || m < 1 || m > 12 || d < 1 || d > days || substr(text, 9, 2) + 0 > 23 || substr(text, 11, 2) + 0 > 59 || substr(text, 13) + 0 > 59)
    bad("no time: " text)
  return text
}
{ sub(/\r$/, ""); sub(/^[ \t]+/, "") }
$0 == "" || /^#/ { next }
{
  rest = $0
  gsub(/\t/, " ", rest)
  if (rest ~ /[\001-\037\177]/) bad("control characters")
  principals = rest
  sub(/ .*/, "", principals)
  if (principals ~ /"/) bad("quotes in the principals")
  sub(/^[^ ]+ */, "", rest)
  authority = 0
  namespaces = after = before = cannot = ""
  seen = ","
  word = rest
  sub(/ .*/, "", word)
  more = !known(word)
  while (more) {
    if (!match(rest, /^[A-Za-z-]+(="[^"\\]*")?[, ]/)) bad("neither options that can be read nor a key of a known type")
    option = substr(rest, 1, RLENGTH - 1)
    more = substr(rest, RLENGTH, 1) == ","
    rest = substr(rest, RLENGTH + 1)
    at = index(option, "=")
    value = at ? substr(option, at + 2, length(option) - at - 2) : ""
    option = tolower(at ? substr(option, 1, at - 1) : option)
    if (index(seen, "," option ",")) bad("the option " option " stands twice")
    seen = seen option ","
    if (option == "cert-authority" && !at) authority = 1
    else if (option == "namespaces" && value != "") namespaces = value
    else if (option == "valid-after" && at) after = moment(value)
    else if (option == "valid-before" && at) before = moment(value)
    else bad("the option " option " is not known, or has no proper value")
  }
  sub(/^ +/, "", rest)
  split(rest, words, / +/)
  blob = decode(words[2])
  open(blob)
  if (!known(words[1]) || blob == "" || name(string()) != words[1] || broken) bad("no key of a known type")
  if (after != "" && before != "" && before <= after) bad("valid-before is not later than valid-after")
  # Read in any case, so that a malformed list is told of.
  whom = matches(principals, ENVIRON["NAME"])
  what = namespaces == "" || matches(namespaces, "bundle@packferry")
  if (blob != ENVIRON["KEY"] || !whom) next
  why = "line " NR ": "
  if (authority) reason = why "it is for certificates, which openssl cannot check"
  else if (!what) reason = why "it is for " namespaces ", not for bundle@packferry"
  else if (cannot != "") reason = why cannot
  else if (after != "" && ENVIRON["NOW"] "" < after "") reason = why "it counts only from " after "Z on"
  else if (before != "" && ENVIRON["NOW"] "" > before "") reason = why "it counted until " before "Z"
  else admitted = 1
}
END {
  if (over) exit
  if (admitted) print "yes"
  else print "no " (reason != "" ? reason : "no line has this key for this name")
}
'

# Does the key stand on a list of revoked keys, one public key a line?
revoked='
function bad(why) { print "bad " FILENAME ":" NR ": " why; over = 1; exit }
{ sub(/\r$/, ""); sub(/^[ \t]+/, "") }
$0 == "" || /^#/ { next }
{
  blob = decode($2)
  open(blob)
  if (!known($1) || blob == "" || name(string()) != $1 || broken) bad("no public key of a known type; lists in the binary form of OpenSSH need ssh-keygen")
  if (blob == ENVIRON["KEY"]) found = NR
}
END { if (!over) print found ? "revoked " FILENAME ":" found : "no" }
'
not_revoked_by_openssl() {
  answer=$(KEY=$key awk "$wire$revoked" "$1") || fail "$(shown "$1") cannot be read" 2
  case $answer in
    no) ;;
    revoked*) why="it is $answer" && return 1 ;;
    *) fail "$(shown "${answer#bad }")" 2 ;;
  esac
}

# Is the signature by a key that counts for this name? Sets why when it is not.
verified_by_ssh_keygen() {
  if [ $# = 1 ]; then
    set -- -I "$1"
  else
    set -- -I "$1" -r "$2"
  fi
  why=$(printf %s "$list" | ssh-keygen -Y verify -f "$signers" -n "$namespace" -s "$signature" "$@" 2>&1) && return
  if [ $# = 4 ]; then why="revoked by $4, or that list cannot be read: $why"; fi
  return 1
}
counts_for() {
  if [ "$verifier" = ssh-keygen ]; then
    verified_by_ssh_keygen "$1" && with_each_list verified_by_ssh_keygen "$1"
    return
  fi
  answer=$(KEY=$key NAME=$1 NOW=$(date -u +%Y%m%d%H%M%S) awk "$wire$admits" "$signers") || fail "$(shown "$signers") cannot be read" 2
  case $answer in
    yes) with_each_list not_revoked_by_openssl ;;
    no*) why=${answer#no } && return 1 ;;
    *) fail "$(shown "${answer#bad }")" 2 ;;
  esac
}

say "Checking the signatures with $verifier"
signed_by=
keys=
counted=0
for signature in $signatures; do
  read_text "$signature" 65536
  answer=$(printf '%s' "$text" | awk "$wire$envelope") || fail "awk failed on $signature" 4
  case $answer in 'yes '*) ;; *) fail "$signature is no good signature: ${answer#no }" 4 ;; esac
  # shellcheck disable=SC2086 # words without blanks
  set -- $answer
  type=$2 key=$3
  if [ "$verifier" = openssl ]; then
    good_by_openssl "$signature" "$type" "$key" "$4" "$5" "$6"
  else
    printf %s "$list" | ssh-keygen -Y check-novalidate -n "$namespace" -s "$signature" >/dev/null 2>&1 ||
      fail "$signature is no good signature of SHA256SUMS" 4
  fi
  by=
  reasons=
  for name in $(printf %s "$names" | tr , ' '); do
    case " $by " in *" $name "*) continue ;; esac
    if counts_for "$name"; then by="$by $name"; else reasons="$reasons; $name: $(shown "$(printf %s "$why" | tr '\n' ' ')")"; fi
  done
  by=${by# }
  if [ -z "$by" ]; then
    say "  $signature: good, but by no key that counts (${reasons#; })"
    continue
  fi
  # Several signers are several persons: each name and each key counts once, and a key that may stand for more than one
  # of the names, or a certificate, of which one key can have many, counts for none.
  if [ "$threshold" != 1 ]; then
    case $type in *-cert-*) say "  $signature: good, but a certificate does not count towards THRESHOLD" && continue ;; esac
    case $by in *' '*) say "  $signature: good, but its key stands for several of the names ($by), so it does not count" && continue ;; esac
    case " $signed_by " in *" $by "*) say "  $signature: good, but $by has signed already" && continue ;; esac
    case " $keys " in *" $key "*) say "  $signature: good, but this key has signed already" && continue ;; esac
  fi
  say "  $signature: good, by $by ($type)"
  signed_by="$signed_by $by"
  keys="$keys $key"
  counted=$((counted + 1))
done
[ "$counted" -gt 0 ] || fail "no signature is by a key that $(shown "$signers") has for $names" 4
[ "$counted" -ge "$threshold" ] || fail "only $counted of the $threshold signers that THRESHOLD asks for have signed" 4

# ---- The list, and the files on it

# sha256sum passes over lines that it does not understand, follows links, and takes any path: so this reads itself.
wrong=$(printf %s "$list" | awk '
  function no(why) { print "SHA256SUMS:" NR ": " why; over = 1; exit }
  {
    path = substr($0, 67)
    plain = path
    sub(/^packs\//, "", plain)
    if (substr($0, 1, 64) ~ /[^0-9a-f]/ || substr($0, 65, 2) != "  " || plain !~ /^[A-Za-z0-9_][A-Za-z0-9._-]*$/ || length(plain) > 255)
      no("no line of 64 hex digits, two blanks, and a name")
    if (NR > 1 && before "" >= path "") no("not sorted, or a name twice")
    if (path ~ /^SHA256SUMS/) no("the list cannot cover itself")
    before = path
  }
  END { if (!over && NR == 0) print "SHA256SUMS is empty" }') || fail "awk failed on SHA256SUMS" 4
case $list in *"
") ;; *) wrong="SHA256SUMS does not end with a line feed" ;; esac
[ -z "$wrong" ] || fail "$wrong" 4

# From here on the list holds nothing that a shell would split or expand otherwise than at its blanks and line ends.
listed=
archives=
# shellcheck disable=SC2086
set -- $list
while [ $# -gt 0 ]; do
  listed="$listed $2"
  case $2 in
    packs/*) ;;
    images-*[!0-9]*.tar) ;;
    images-*.tar) archives="$archives $1:$2" ;;
  esac
  case " $files " in *" $2 "*) ;; *) fault "$2 is missing" ;; esac
  shift 2
done
for file in $files; do
  case " $listed " in *" $file "*) ;; *) fault "$file is not on the signed list" ;; esac
done
[ "$faults" = 0 ] || fail "the folder and the signed list differ" 4
[ -n "$archives" ] || fail "the signed list has no archive images-NNN.tar" 4

# What bundle.json says, in lines of words. JSON in full, so that another writer may lay it out in another way.
document='
function scalar(token,   text) {
  text = token
  if (text ~ /^"/) text = substr(text, 2, length(text) - 2)
  if (depth == 1 && key[1] == "schema") schema = text
  if (depth == 1 && key[1] == "expiresAt" && ENVIRON["NOW"] "" > text "") print "expired", text
  if (depth == 2 && key[1] == "audience") audience[++sites] = text
  if (key[1] != "images") return
  if (depth == 3 && key[3] == "reference") reference = text
  if (depth == 3 && key[3] == "archive") archive = text
  if (depth == 4 && key[4] == "digest") { if (key[3] == "config") config = text; if (key[3] == "manifest") manifest = text }
}
function down(kind) {
  if (depth == 2 && key[1] == "images") { reference = archive = config = manifest = ""; layers = 0 }
  if (depth == 4 && key[1] == "images" && key[3] == "layers") layers++
  if (depth == 2 && key[1] == "requires") requires++
  depth++
  list[depth] = kind
  key[depth] = ""
}
function up() {
  depth--
  if (depth != 2 || key[1] != "images") return
  images++
  if (reference !~ /^[A-Za-z0-9._\/:@-]+$/ || archive !~ /^[A-Za-z0-9._-]+$/ || config !~ /^sha256:[0-9a-f]+$/ || manifest !~ /^sha256:[0-9a-f]+$/)
    print "unreadable"
  print "image", archive, reference, substr(config, 8), substr(manifest, 8), layers
}
{
  rest = $0
  while (match(rest, /^[ \t\r]*("([^"\\]|\\.)*"|[-+.0-9A-Za-z]+|[][{},:])/)) {
    token = substr(rest, 1, RLENGTH)
    rest = substr(rest, RLENGTH + 1)
    sub(/^[ \t\r]+/, "", token)
    if (token == "{" || token == "[") down(token)
    else if (token == "}" || token == "]") up()
    else if (token == ":") key[depth] = substr(last, 2, length(last) - 2)
    else if (token == ",") key[depth] = list[depth] == "{" ? "" : key[depth]
    else if (list[depth] == "[" || key[depth] != "") scalar(token)
    last = token
  }
  if (rest !~ /^[ \t\r]*$/) print "unreadable"
}
END {
  if (depth != 0 || !images || schema != "packferry.bundle/v1") print "unreadable"
  if (requires) print "requires", requires
  for (i = 1; i <= sites; i++) if (audience[i] == ENVIRON["HERE"]) here = 1
  if (sites && !here) { printf "elsewhere"; for (i = 1; i <= sites; i++) printf " %s", audience[i]; print "" }
}
'
site=${SITE:-}
if [ -z "$site" ] && [ -f /etc/packferry/site ]; then site=$(tr -d ' \t\r\n' </etc/packferry/site); fi

say "Checking the files"
total=0
damaged() { fault "$1 is damaged, changed, or cannot be read: its sum is not the one that was signed"; }
# shellcheck disable=SC2086
set -- $list
while [ $# -gt 0 ]; do
  if [ "$2" = bundle.json ]; then
    # Read once, since its content is used.
    read_text bundle.json 20971520
    if [ "$(printf %s "$text" | sha256)" = "$1" ]; then
      facts=$(printf %s "$text" | HERE=$site NOW=$(date -u +%Y-%m-%dT%H:%M:%SZ) awk "$document") || fail "awk failed on bundle.json" 4
    else
      damaged "$2"
    fi
  else
    case $2 in *.tar) say "  $2, $(size_of "$2") bytes" ;; esac
    [ "$(sha256 <"./$2")" = "$1" ] || damaged "$2"
  fi
  total=$((total + 1))
  shift 2
done
[ "$faults" = 0 ] || fail "the bundle is damaged" 4
case " $listed " in *' bundle.json '*) ;; *) fail "the signed list has no bundle.json" 4 ;; esac

images=
newline='
'
IFS=$newline
for fact in $facts; do
  case $fact in
    'image '*) images="$images${fact#image }$newline" ;;
    'expired '*) fault "the bundle expired at $(shown "${fact#expired }")" ;;
    'elsewhere '*) fault "the bundle is for $(shown "${fact#elsewhere }") only, and this site is ${site:-without a name; say it with SITE=NAME}" ;;
    'requires '*) fault "the bundle leaves out layers that the other side should have; packferry puts these together" ;;
    *) fault "bundle.json is not what a bundle of version 1 has" ;;
  esac
done
for image in $images; do
  case "$archives " in *":${image%% *} "*) ;; *) fault "bundle.json names an archive that is not on the list: ${image%% *}" ;; esac
done
IFS=" 	$newline"
[ "$faults" = 0 ] || fail "this bundle cannot be taken here" 4

said="signed by$signed_by; $total files as signed"
not_checked='Not checked: whether a newer bundle has been here already, and what a policy.json of this site asks for.'
if [ "$check_only" = yes ]; then
  say "The bundle is good: $said."
  say "$not_checked"
  exit 0
fi

# ---- Loading

has "$engine" || fail "$engine is not installed; the bundle is good" 6

# Runs the engine, as the other user where there is one: with a clean environment, and in a folder that he may enter.
home=
runtime=
if [ -n "$user" ]; then
  number=$(id -u "$user" 2>/dev/null) || fail "PODMAN_USER: there is no user $user; the bundle is good" 6
  if has getent; then entry=$(getent passwd "$user") || entry=; else entry=$(grep "^$user:" /etc/passwd) || entry=; fi
  home=$(printf %s "$entry" | cut -d : -f 6)
  # Without it Podman finds neither its own storage nor what it runs; root's would be the wrong one.
  if [ -d "/run/user/$number" ]; then runtime=/run/user/$number; fi
  if [ "$(id -u)" = "$number" ]; then become=itself
  elif [ "$(id -u)" = 0 ] && has runuser; then become=runuser
  elif has sudo; then become=sudo
  elif [ "$(id -u)" = 0 ] && has su; then become=su
  else fail "PODMAN_USER takes root with runuser or su, or sudo; the bundle is good" 6; fi
fi
run() {
  if [ -z "$user" ] || [ "$become" = itself ]; then
    "$engine" "$@"
    return
  fi
  set -- env -i "PATH=$PATH" "HOME=${home:-/}" "USER=$user" "LOGNAME=$user" LC_ALL=C ${runtime:+"XDG_RUNTIME_DIR=$runtime"} "$engine" "$@"
  (
    cd /
    case $become in
      runuser) exec runuser -u "$user" -- "$@" ;;
      # -n: never ask for a password, where nobody may sit.
      sudo) exec sudo -n -u "$user" -- "$@" ;;
      su) exec su -s /bin/sh -c 'exec "$@"' -- "$user" sh "$@" ;;
    esac
  )
}
with="$engine${user:+ of $user}"
answer=$(run images --quiet 2>&1 </dev/null) || fail "$with does not answer; the bundle is good: $(shown "$answer")" 6

# Sends an archive to standard output and prints on 4 whether all of it was as signed. The bytes that go out are the bytes
# that are hashed, and the last ones are held back until the hash is right: what was changed after the check above reaches
# the engine only as a broken archive, of which it keeps nothing. The cut is one byte behind the start of a block of the
# archive, so that it can never pass for its end.
send() {
  blocks=$(($(size_of "$1") / 512 - 32))
  if [ "$blocks" -lt 0 ]; then blocks=0; fi
  last=$(dd if="./$1" bs=512 skip="$blocks" 2>/dev/null | od -An -v -to1 | awk '{ for (i = 1; i <= NF; i++) printf "\\0%s", $i }')
  last=${last#?????}
  {
    got=$({
      {
        if [ "$blocks" -ge 2048 ]; then dd bs=1048576 count=$((blocks / 2048)) 2>/dev/null; fi
        if [ $((blocks % 2048)) -gt 0 ]; then dd bs=512 count=$((blocks % 2048)) 2>/dev/null; fi
        dd bs=1 count=1 2>/dev/null
      } <"./$1" | tee /dev/fd/3
      printf %b "$last"
    } | sha256)
  } 3>&1
  if [ "$got" = "$2" ]; then
    printf %b "$last"
    say "load.sh: sent" >&4
  fi
}

# Does the engine hold the images of this archive? Docker's containerd store names an image by its manifest, the others by
# its config; both digests are signed. An image of which layers are missing has another number of them.
confirm() {
  IFS=$newline
  for image in $images; do
    IFS=" 	$newline"
    # shellcheck disable=SC2086
    set -- "$1" $image
    if [ "$1" != "$2" ]; then continue; fi
    wanted="$4 $6"
    also="$5 $6"
    tag=${3%%@*}
    case ${tag##*/} in *:*) ;; *) tag=sha256:$4 ;; esac
    if [ "$engine" = podman ]; then also=$wanted; fi
    # Warnings would stand between the words.
    if answer=$(run image inspect --format '{{.Id}} {{len .RootFS.Layers}}' "$tag" 2>/dev/null </dev/null); then
      case ${answer#sha256:} in
        "$wanted" | "$also") say "  $3: as signed" && confirmed=$((confirmed + 1)) ;;
        *) fault "$3: $with holds another image than the signed one: $(shown "$answer")" ;;
      esac
    else
      fault "$3: $with does not hold it: $(shown "$(run image inspect "$tag" 2>&1 </dev/null)")"
    fi
  done
  IFS=" 	$newline"
}

confirmed=0
loaded=0
for entry in $archives; do
  archive=${entry#*:}
  say "Loading $archive with $with"
  loading=yes
  answer=$({
    send "$archive" "${entry%%:*}" 2>/dev/null | {
      run load 2>&1 4>&- || say "load.sh: failed"
    }
  } 4>&1)
  say "$(printf %s "$answer" | grep -v '^load\.sh: ' | tr -c ' -~\n' '?' | sed 's/^/  /')"
  case $newline$answer$newline in
    *"${newline}load.sh: failed$newline"*)
      [ "$(sha256 <"./$archive")" = "${entry%%:*}" ] ||
        fail "$archive was changed while it was loaded, or cannot be read any more; $with got a broken archive" 4
      fault "$with could not load $archive" ;;
    *"${newline}load.sh: sent$newline"*)
      case $answer in *'Error unpacking'*) fault "$with could not unpack $archive" ;; esac
      loaded=$((loaded + 1))
      confirm "$archive" ;;
    *) fail "$archive was changed while it was loaded; $with got a broken archive" 4 ;;
  esac
done
[ "$faults" = 0 ] || fail "not all could be loaded: $confirmed images are there as signed, $faults faults" 6
say "Loaded: $confirmed images of $loaded archives with $with; $said."
say "$not_checked"
