#!/bin/bash
# shellcheck disable=SC2317 # traps call what nothing else calls
# Collects what a restore needs from a control-plane node besides etcd, encrypted for the cluster's intake: docs/node-files.md.
# Needs bash 4.2, coreutils, tar and age; curl for --url-file alone. Reads, and changes nothing. No plaintext is written to a disk: tar's output goes straight into age.
set -o errexit -o nounset -o pipefail -o errtrace
umask 077
export LC_ALL=C
IFS=$' \t\n'
unset -v CDPATH GLOBIGNORE TAR_OPTIONS POSIXLY_CORRECT BASH_ENV ENV
shopt -u nocasematch failglob extglob
shopt -s nullglob dotglob

# What lifeboat takes: shared/node-files/limits.ts.
readonly MAX_BYTES=67108864 MAX_FILE_BYTES=16777216 MAX_ENTRIES=4096 MAX_NAME_BYTES=255
# So deep no configuration lies.
readonly MAX_DEPTH=16 ATTEMPTS=3

CLUSTER='' NODE='' RECIPIENT='' OUT='' URL_FILE='' ROOT='' AGE=age LIST='' QUIET=''
declare -a PATH_FILES=() FOUND=() TO_REMOVE=() PROBLEMS=()
ENDING=

usage() {
  cat <<'END'
collect.sh --cluster NAME --recipient age1...|FILE [options]

Collects /etc/kubernetes, the EncryptionConfiguration, etcd's certificates and environment file, and what --paths lists, into one age file that only the
cluster's intake opens. Without --out and --url-file it goes to standard output. Run it as root.

Options
  --cluster NAME       as lifeboat.yaml calls the cluster
  --node NAME          this node, as the cluster's members or the recipients of bundles are called (default: uname -n, up to the first dot)
  --recipient age1...|FILE
                       what lifeboat node-files recipient prints, or a file with it
  --paths FILE         further files and folders, an absolute path a line; # begins a comment. May be given several times
  --out FILE|FOLDER    write this file (0600, there only when whole), or TIME.age in this folder
  --url-file FILE|-    put it by curl to the presigned URL in this file, or on standard input: a URL on a command line is there for every process to see
  --age PROGRAM        (default: age on PATH)
  --list               print what would be taken, and take nothing
  --quiet              say nothing where all is well
  --root DIR           use DIR as the file system's root

Left out: /etc/kubernetes/tmp, where kubeadm keeps copies of etcd's database. Links are followed. A path of --paths that is missing, what is neither file nor folder, and a file that
changed at each of three attempts are named; the rest is taken, and the exit code is 6.

Example
  collect.sh --cluster prod --recipient /etc/etcd-lifeboat/prod.recipient |
    aws s3 cp - "s3://BUCKET/inbox/prod/$(uname -n)/$(date -u +%Y%m%dT%H%M%SZ).age"

Exit codes
  0 done, 1 unexpected, 2 usage or something is not there, 5 the node or the network (space, permission, programs, curl), 6 done, but something needs a person, 130 interrupted
END
}

say() { [[ -n $QUIET ]] || printf 'collect.sh: %s\n' "$*" >&2; }

# refuse CODE MESSAGE [NEXT STEP]: ends the script.
refuse() {
  printf 'collect.sh: %s\n' "$2" >&2
  [[ -z ${3-} ]] || printf '  next: %s\n' "$3" >&2
  ENDING=refused
  exit "$1"
}

# problem TEXT: what a person should know, once, and is no reason to take nothing.
problem() {
  local each
  for each in ${PROBLEMS[@]+"${PROBLEMS[@]}"}; do [[ $each != "$1" ]] || return 0; done
  PROBLEMS+=("$1")
}

# Says where; never the words of the command.
unexpected() {
  [[ -z $ENDING && $BASHPID == "$$" ]] || exit "$1"
  ENDING=unexpected
  printf 'collect.sh: unexpected: line %s ended with %s\n' "$2" "$1" >&2
  exit 1
}

interrupted() {
  [[ $BASHPID == "$$" ]] || exit 130
  ENDING=interrupted
  printf 'collect.sh: interrupted by SIG%s\n' "$1" >&2
  exit 130
}

clean_up() {
  local code=$? each
  [[ $BASHPID == "$$" ]] || exit "$code"
  trap '' INT TERM HUP
  trap - ERR
  for each in ${TO_REMOVE[@]+"${TO_REMOVE[@]}"}; do rm -rf -- "$each" || true; done
  exit "$code"
}

main() {
  trap 'unexpected "$?" "$LINENO"' ERR
  trap clean_up EXIT
  trap 'interrupted INT' INT
  trap 'interrupted TERM' TERM
  trap 'interrupted HUP' HUP
  parse_options "$@"
  if [[ -n $LIST ]]; then
    find_files
    ((${#FOUND[@]} == 0)) || printf '%s\n' "${FOUND[@]#.}"
    end
  fi
  check_programs
  WORK=$(mktemp -d) || refuse 5 "cannot make a folder for temporary files" "set TMPDIR to a folder that can be written to"
  TO_REMOVE+=("$WORK")
  choose_target
  collect
  deliver
  end
}

# Ends the script, once what needs a person was said.
end() {
  local each
  for each in ${PROBLEMS[@]+"${PROBLEMS[@]}"}; do printf 'collect.sh: warning: %s\n' "$each" >&2; done
  ENDING='done'
  ((${#PROBLEMS[@]} == 0)) || exit 6
  exit 0
}

parse_options() {
  local arg
  for arg in "$@"; do
    [[ $arg == --help || $arg == -h ]] || continue
    usage
    exit 0
  done
  while (($# > 0)); do
    case $1 in
      --cluster) take_value "$@" && CLUSTER=$2 ;;
      --node) take_value "$@" && NODE=$2 ;;
      --recipient) take_value "$@" && RECIPIENT=$2 ;;
      --paths) take_value "$@" && PATH_FILES+=("$2") ;;
      --out) take_value "$@" && OUT=$2 ;;
      --url-file) take_value "$@" && URL_FILE=$2 ;;
      --age) take_value "$@" && AGE=$2 ;;
      --root) take_value "$@" && ROOT=${2%/} ;;
      --list | --quiet)
        [[ $1 == --list ]] && LIST=yes || QUIET=yes
        shift
        continue
        ;;
      -*) refuse 2 "there is no option ${1%%=*}" "collect.sh --help lists them; a value follows after a blank" ;;
      *) refuse 2 "$1 is no option" "collect.sh --help lists them" ;;
    esac
    shift 2
  done
  [[ -z $ROOT || -d $ROOT ]] || refuse 2 "--root $ROOT is no folder" "leave it out on a node"
  [[ -z $OUT || -z $URL_FILE ]] || refuse 2 "--out and --url-file do not go together" "give one of them"
  local file
  for file in ${PATH_FILES[@]+"${PATH_FILES[@]}"}; do
    [[ -f $file && -r $file ]] || refuse 2 "--paths $file is no file that can be read" "give a file with an absolute path a line"
  done
  [[ -z $LIST ]] || return 0
  [[ -n $NODE ]] || NODE=$(uname -n)
  NODE=${NODE%%.*}
  [[ $CLUSTER =~ ^[a-z0-9][a-z0-9._-]{0,62}$ ]] || refuse 2 "--cluster '$CLUSTER' is no name of a cluster" "give it as lifeboat.yaml has it"
  [[ $NODE =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$ ]] || refuse 2 "'$NODE' is no name of a node" "give one by --node: letters, digits, '.', '_' and '-'"
  read_recipient
}

take_value() {
  (($# > 1)) || refuse 2 "$1 needs a value" "collect.sh --help says which"
  [[ -n $2 ]] || refuse 2 "$1 is empty" "is the variable that you gave set in this shell?"
}

# An X25519 recipient, from the command line or a file.
read_recipient() {
  [[ -n $RECIPIENT ]] || refuse 2 "no recipient" "lifeboat node-files recipient CLUSTER prints it: give it by --recipient"
  local line found=''
  if [[ $RECIPIENT != age1* ]]; then
    [[ -f $RECIPIENT && -r $RECIPIENT ]] || refuse 2 "--recipient $RECIPIENT is no file that can be read" "give age1..., or a file with it"
    while read -r line || [[ -n $line ]]; do
      [[ -n $line && $line != '#'* ]] || continue
      [[ -z $found ]] || refuse 2 "$RECIPIENT has more than one line" "one recipient: the intake's"
      found=$line
    done <"$RECIPIENT"
    RECIPIENT=$found
  fi
  [[ $RECIPIENT =~ ^age1[02-9ac-hj-np-z]{58}$ ]] || refuse 2 "the recipient is not age1 and 58 characters" "copy the whole of what lifeboat node-files recipient prints"
}

check_programs() {
  type -P "$AGE" >/dev/null || refuse 5 "$AGE is not here" "install age (https://age-encryption.org), or name it by --age"
  [[ -z $URL_FILE ]] || type -P curl >/dev/null || refuse 5 "curl is not here" "install it, or send what --out writes in another way"
}

# Where it becomes whole, encrypted: beside --out, so that a rename puts it there.
choose_target() {
  local folder
  [[ -z $OUT ]] && folder=$WORK || folder=.
  [[ ! -d $OUT ]] || OUT=${OUT%/}/
  [[ $OUT != */* ]] || folder=${OUT%/*}/
  [[ -d $folder ]] || refuse 2 "the folder of --out $OUT is not there" "make it, or name another"
  DRAFT=$(mktemp -d -- "${folder%/}/.collect.XXXXXXXX") || refuse 5 "cannot write to $folder" "look for space and permission there"
  TO_REMOVE+=("$DRAFT")
}

# collect: DRAFT/set is whole, or nothing is.
collect() {
  local attempt
  local -a codes
  for ((attempt = 1; attempt <= ATTEMPTS; attempt++)); do
    FOUND=() PROBLEMS=()
    find_files
    check_files
    TIME=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    # No secret: whose it is, and when.
    printf 'VERSION=1\nCLUSTER=%s\nNODE=%s\nCOLLECTED_AT=%s\n' "$CLUSTER" "$NODE" "$TIME" >"$WORK/node-files"
    { printf '%s\0' "${FOUND[@]}" | pack 2>"$WORK/tar.err" | "$AGE" -e -r "$RECIPIENT" 2>"$WORK/age.err" >"$DRAFT/set"; } && codes=(0 0 0) || codes=("${PIPESTATUS[@]}")
    ((codes[2] == 0)) || refuse 5 "$AGE ended with ${codes[2]}: $(why "$WORK/age.err")" "see whether there is space for the set in ${OUT:-$WORK}"
    ((codes[1] != 0)) || return 0
    # 1: a file changed or went while it was read. What else goes wrong does so again, mostly, and is told.
  done
  ((codes[1] == 1)) || refuse 5 "tar ended with ${codes[1]}: $(why "$WORK/tar.err")" "run it as root, and see what it says"
  problem "at each of $ATTEMPTS attempts: $(why "$WORK/tar.err"); it was taken as it was read"
}

why() { tail -n 1 -- "$1" | head -c 300; }

# The names come with ./ before them, and so are not mixed up with the first entry.
pack() {
  tar -c -f - --format=ustar --numeric-owner --dereference --hard-dereference --no-recursion --mode=ug-s,-t \
    --transform='s,^\./,files/,' -C "$WORK" node-files -C "$ROOT/" --null -T -
}

deliver() {
  local url=''
  if [[ -n $OUT ]]; then
    [[ $OUT != */ ]] || OUT=$OUT${TIME//[:-]/}.age
    sync
    mv -T -- "$DRAFT/set" "$OUT" || refuse 5 "cannot write $OUT" "look for permission there"
  elif [[ -n $URL_FILE ]]; then
    if [[ $URL_FILE == - ]]; then read -r url || true; else read -r url <"$URL_FILE" || true; fi
    [[ $url =~ ^https?://[^[:space:]\"\\]+$ ]] || refuse 2 "there is no URL in $URL_FILE" "one line: a presigned URL for PUT"
    # By its configuration, which is read from standard input: arguments are for everybody to see.
    printf 'url = "%s"\nupload-file = "%s"\n' "$url" "$DRAFT/set" |
      curl --config - --fail --silent --show-error --retry 3 --connect-timeout 20 --max-time 900 --output /dev/null 2>"$WORK/curl.err" ||
      refuse 5 "curl could not put the set: $(why "$WORK/curl.err")" "a presigned URL ends with its time, or with the session that signed it: get another"
  else
    cat -- "$DRAFT/set" || refuse 5 "standard output did not take the set" "what was written is not whole"
  fi
  [[ -n $QUIET ]] || printf '  %s\n' "${FOUND[@]#.}" >&2
  say "took $FILES files, $BYTES bytes, of $CLUSTER/$NODE at $TIME"
}

# find_files: FOUND, relative to the root with ./ before each: folders, and regular files, each once.
find_files() {
  local -A SEEN=()
  local file line
  take_tree /etc/kubernetes
  for file in /etc/etcd.env /etc/default/etcd /etc/sysconfig/etcd /etc/etcd/etcd.conf /etc/default/kube-apiserver; do take_options "$file"; done
  for file in "$ROOT"/etc/kubernetes/manifests/*.{yaml,yml,json} "$ROOT"/etc/kubernetes/{apiserver,etcd,config}; do take_options "${file#"$ROOT"}"; done
  for file in "$ROOT"{/etc,/run,/usr/lib,/lib}/systemd/system/{etcd,kube-apiserver,kube-controller-manager,kube-scheduler}.service{,.d/*.conf}; do
    take_options "${file#"$ROOT"}"
  done
  for file in ${PATH_FILES[@]+"${PATH_FILES[@]}"}; do
    while read -r line || [[ -n $line ]]; do
      [[ -n $line && $line != '#'* ]] || continue
      [[ $line == /* && "$line/" != */../* ]] || refuse 2 "$file: '$line' is no absolute path without .." "one path a line"
      [[ -e $ROOT$line ]] || problem "$line, which $file lists, is not there"
      take_tree "$line"
    done <"$file"
  done
  ((${#FOUND[@]} > 0)) || refuse 2 "there is no file of a control plane in ${ROOT:-/}" "run it on a control-plane node, or list paths by --paths"
}

# take_options FILE: takes a file that configures etcd or a part of the control plane, and the files that its options name.
take_options() {
  local line name value from=$1
  [[ -f $ROOT$from && -r $ROOT$from ]] || return 0
  take_tree "$from"
  while read -r line || [[ -n $line ]]; do
    while [[ $line =~ (^|[^A-Za-z0-9_-])(--?[a-z][a-z0-9-]*|[A-Z][A-Z0-9_]*|[a-z][a-z-]*:)[=\ ]\ *-?[\"\']?(/[^][:space:]\"\',}\\]+) ]]; do
      name=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]}
      line=${line#*"${BASH_REMATCH[0]}"}
      case $name in
        *log-file | *LOG_FILE) ;;
        EnvironmentFile | --config-file) [[ $value == "$from" ]] || take_options "$value" ;;
        *-file | *-config | *kubeconfig | *-file: | *-config: | *_FILE | *_CONFIG)
          if [[ -f $ROOT$value ]]; then take_tree "$value"
          elif [[ $name == *encryption-provider-config ]]; then problem "$from names $value, which is not on the node by that name: list the EncryptionConfiguration's own path by --paths"; fi
          ;;
      esac
    done
    # Of a systemd unit.
    [[ ! $line =~ ^EnvironmentFile=-?(/.+)$ || ${BASH_REMATCH[1]} == "$from" ]] || take_options "${BASH_REMATCH[1]}"
  done <"$ROOT$from"
}

# take_tree PATH [DEPTH]: a file, or a folder with all below it. Nothing is there: nothing is taken.
take_tree() {
  local path=${1%/} depth=${2-0} each
  [[ -z ${SEEN[$path]-} ]] || return 0
  [[ $path != /etc/kubernetes/tmp ]] || return 0
  if [[ -d $ROOT$path ]]; then
    if leads_back "$path" || ((depth > MAX_DEPTH)); then
      problem "$path leads back to a folder that it is in, or lies deeper than $MAX_DEPTH folders: it was left out"
      return 0
    fi
    [[ -r $ROOT$path && -x $ROOT$path ]] || refuse 5 "$path cannot be read" "run it as root"
    take "$path"
    for each in "$ROOT$path"/*; do take_tree "${each#"$ROOT"}" $((depth + 1)); done
  elif [[ -f $ROOT$path ]]; then
    [[ -r $ROOT$path ]] || refuse 5 "$path cannot be read" "run it as root"
    take "$path"
  elif [[ -e $ROOT$path ]]; then
    problem "$path is neither a file nor a folder: it was left out"
  elif [[ -L $ROOT$path ]]; then
    problem "$path is a link that leads nowhere: it was left out"
  fi
}

# leads_back PATH: whether a link leads to a folder that it is in.
leads_back() {
  local real parent
  [[ -L $ROOT$1 ]] || return 1
  real=$(readlink -f -- "$ROOT$1")
  parent=$(readlink -f -- "$ROOT${1%/*}/")
  [[ $parent/ == "${real%/}"/* ]]
}

take() {
  SEEN[$1]=yes
  if [[ $1 == *[[:cntrl:]]* ]] || ((${#1} + 6 > MAX_NAME_BYTES)); then
    problem "the name of $(printf '%q' "$1") is too long, or has control characters: it was left out"
    return 0
  fi
  FOUND+=(".$1")
}

# check_files: what lifeboat would refuse is refused here, where somebody can help. Sets FILES and BYTES.
check_files() {
  local kind size name
  FILES=0 BYTES=0
  while read -r size kind name; do
    [[ $kind != directory ]] || continue
    ((size <= MAX_FILE_BYTES)) || refuse 2 "${name#.} has $size bytes, more than $MAX_FILE_BYTES" "no configuration is so large: move it elsewhere, or leave it out of --paths"
    FILES=$((FILES + 1)) BYTES=$((BYTES + size))
  done < <(cd -- "$ROOT/" && stat -L -c '%s %F %n' -- "${FOUND[@]}" 2>/dev/null)
  ((FILES > 0)) || refuse 2 "there is no file to take" "run it on a control-plane node, or list paths by --paths"
  ((${#FOUND[@]} < MAX_ENTRIES)) || refuse 2 "there are ${#FOUND[@]} files and folders, more than $MAX_ENTRIES" "list less by --paths"
  # A header of 512 bytes, and up to as much behind each.
  ((BYTES + ${#FOUND[@]} * 1024 + 20480 <= MAX_BYTES)) || refuse 2 "all files together have $BYTES bytes, and $MAX_BYTES is the most" "list less by --paths"
}

# On one line: bash reads a script as it goes, and this file may be replaced meanwhile.
main "$@"; exit
