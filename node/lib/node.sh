# shellcheck shell=bash
# How etcd runs on this node, and where that is known from. Every guess can be overridden by an option.

# By the flag's name: its value, and the file that has it.
declare -A FOUND=() FOUND_IN=()
ENVIRONMENT_FILE=
# Of this node's member, with commas between.
OWN_PEER_URLS='' OWN_CLIENT_URLS=''
# Where a bundle's plan says it of this member.
PLANNED_LAYOUT='' PLANNED_SERVICE=''
MEMBER='' LAYOUT='' DATA_DIR='' SERVICE='' MEMBER_FROM='' LAYOUT_FROM='' DATA_FROM=''

find_layout() {
  local unit file planned=auto minor=${FOUND[minor]-}
  FOUND=() FOUND_IN=() ENVIRONMENT_FILE=
  # It was asked of the program, perhaps; that does not change.
  [[ -z $minor ]] || FOUND[minor]=$minor
  [[ -z $LAYOUT_OPTION$PLANNED_LAYOUT ]] || planned=${LAYOUT_OPTION:-$PLANNED_LAYOUT}
  if [[ $planned == static-pod || ($planned == auto && -e $MANIFESTS/etcd.yaml) || ($planned == auto && -e $STATE/manifests/etcd.yaml) ]]; then
    LAYOUT=static-pod
    file=$MANIFESTS/etcd.yaml
    [[ -e $file || ! -e $STATE/manifests/etcd.yaml ]] || file=$STATE/manifests/etcd.yaml
    [[ -f $file ]] || refuse 2 "there is no $file" "put etcd's manifest there, or give --layout"
    LAYOUT_FROM=$file
    read_flags "$file"
    return 0
  fi
  SERVICE=${SERVICE_OPTION:-${PLANNED_SERVICE:-etcd}}
  SERVICE=${SERVICE%.service}
  for unit in "$ROOT"{/etc,/run,/usr/lib,/lib}"/systemd/system/$SERVICE.service"; do
    [[ $planned == auto || $planned == systemd ]] || break
    [[ -f $unit ]] || continue
    LAYOUT=systemd LAYOUT_FROM=$unit
    read_unit "$unit"
    return 0
  done
  [[ $planned != systemd ]] || refuse 2 "there is no unit $SERVICE.service" "give --service NAME"
  LAYOUT=bare LAYOUT_FROM='neither a static pod nor a unit'
  [[ -z $ENV_FILE_OPTION ]] || read_environment "$ENV_FILE_OPTION"
}

# read_unit FILE: the unit, what was dropped in beside it, and its files of variables. The last value found stays: for systemd variables of files win over those of the unit, and for etcd flags win over both.
read_unit() {
  local each
  for each in "$1" "$ROOT"{/usr/lib,/lib,/run,/etc}"/systemd/system/$SERVICE.service.d/"*.conf; do
    [[ ! -f $each ]] || read_variables "$each" 'Environment='
  done
  for each in "$1" "$ROOT"{/usr/lib,/lib,/run,/etc}"/systemd/system/$SERVICE.service.d/"*.conf; do
    [[ ! -f $each ]] || read_environment_files "$each"
  done
  for each in "$1" "$ROOT"{/usr/lib,/lib,/run,/etc}"/systemd/system/$SERVICE.service.d/"*.conf; do
    [[ ! -f $each ]] || read_flags "$each"
  done
}

# found FLAG VALUE FILE
found() { FOUND[$1]=$2 FOUND_IN[$1]=$3; }

read_environment_files() {
  local line file
  while IFS= read -r line || [[ -n $line ]]; do
    [[ $line =~ ^[[:space:]]*EnvironmentFile=-?(/[^[:space:]]*) ]] || continue
    file=$ROOT${BASH_REMATCH[1]}
    [[ ! -f $file ]] || read_environment "$file"
  done <"$1"
}

# read_flags FILE: flags of etcd's out of a manifest or a unit.
# shellcheck disable=SC2094 # its name is kept
read_flags() {
  local line word flag=''
  while IFS= read -r line || [[ -n $line ]]; do
    [[ ! $line =~ ^[[:space:]]*# ]] || continue
    [[ ! $line =~ ^[[:space:]]*image:[[:space:]]*[^[:space:]]*:v?(3\.[0-9]+)\. ]] || FOUND[minor]=${BASH_REMATCH[1]}
    # shellcheck disable=SC2086 # words of the line; globbing is off
    for word in $(set -f && printf '%s\n' $line); do
      word=${word//[\"\']/}
      if [[ -n $flag ]]; then
        [[ $word == -* ]] || found "$flag" "$word" "$1"
        flag=
      fi
      if [[ $word =~ ^--?([a-z-]+)=(.*)$ ]]; then
        found "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "$1"
      elif [[ $word =~ ^--([a-z-]+)$ ]]; then
        flag=${BASH_REMATCH[1]}
      elif [[ $word =~ ^(ExecStart=)?(/[A-Za-z0-9._/-]*/etcd)$ ]]; then
        FOUND[program]=${BASH_REMATCH[2]}
      fi
    done
  done <"$1"
}

# read_environment FILE: ETCD_* as systemd reads them; nothing is evaluated.
# shellcheck disable=SC2094 # its name is kept
read_environment() {
  ENVIRONMENT_FILE=$1
  local line key value
  while IFS= read -r line || [[ -n $line ]]; do
    [[ $line =~ ^(export[[:space:]]+)?ETCD_([A-Z0-9_]+)=(.*)$ ]] || continue
    key=${BASH_REMATCH[2],,}
    value=${BASH_REMATCH[3]#[\"\']}
    found "${key//_/-}" "${value%[\"\']}" "$1"
  done <"$1"
}

# read_variables FILE BEGINNING: ETCD_* on lines that begin so.
# shellcheck disable=SC2094 # its name is kept
read_variables() {
  local line word key
  while IFS= read -r line || [[ -n $line ]]; do
    [[ $line == "$2"* ]] || continue
    # shellcheck disable=SC2086 # words of the line; globbing is off
    for word in $(set -f && printf '%s\n' ${line#"$2"}); do
      word=${word//[\"\']/}
      [[ $word =~ ^ETCD_([A-Z0-9_]+)=(.*)$ ]] || continue
      key=${BASH_REMATCH[1],,}
      found "${key//_/-}" "${BASH_REMATCH[2]}" "$1"
    done
  done <"$1"
}

check_data_dir() {
  local entry
  [[ -d $DATA_DIR ]] || refuse 2 "the data directory $DATA_DIR ($DATA_FROM) is not there" "mount it, or make it: mkdir -m 700 $DATA_DIR"
  for entry in "$DATA_DIR"/*; do
    [[ -e $entry ]] || continue
    case ${entry##*/} in
      member | member.* | lost+found) ;;
      *) refuse 6 "$DATA_DIR ($DATA_FROM) is no data directory of etcd: ${entry##*/} is in it" "look at it; give --data-dir DIR" ;;
    esac
  done
  [[ ! -e $DATA_DIR/member || -d $DATA_DIR/member/snap || -d $DATA_DIR/member/wal ]] ||
    refuse 6 "$DATA_DIR/member is nothing that etcd made" "look at it; give --data-dir DIR"
}

# find_minor: FOUND[minor], of this node's etcd, where it can be known.
find_minor() {
  local answer
  [[ -z ${FOUND[minor]-} && $LAYOUT != static-pod ]] || return 0
  answer=$("${FOUND[program]:-etcd}" --version 2>/dev/null) || answer=
  [[ ! $answer =~ ^etcd\ Version:\ (3\.[0-9]+)\. ]] || FOUND[minor]=${BASH_REMATCH[1]}
}

say_node() {
  say "member       $MEMBER ($MEMBER_FROM)"
  say "layout       $LAYOUT ($LAYOUT_FROM)"
  say "data         $DATA_DIR ($DATA_FROM)"
}
