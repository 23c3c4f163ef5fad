# shellcheck shell=bash
# How etcd runs on this node, and where that is known from. Every guess can be overridden by an option.

declare -A FOUND=()
MEMBER='' LAYOUT='' DATA_DIR='' SERVICE='' MEMBER_FROM='' LAYOUT_FROM='' DATA_FROM=''

# find_node: sets the names above, NUMBER (of the member in the plan) and what etcdctl needs. Refuses where the node is none for this plan.
find_node() {
  local number names=''
  find_layout
  MEMBER=$MEMBER_OPTION MEMBER_FROM=--member
  [[ -n $MEMBER ]] || { MEMBER=${FOUND[name]-} MEMBER_FROM=$LAYOUT_FROM; }
  [[ -n $MEMBER || ${PLAN[MEMBERS]} != 1 ]] || { MEMBER=${PLAN[MEMBER_1_NAME]} MEMBER_FROM='the only one in the plan'; }
  NUMBER=0
  for ((number = 1; number <= PLAN[MEMBERS]; number++)); do
    names+=" ${PLAN[MEMBER_${number}_NAME]}"
    [[ $MEMBER != "${PLAN[MEMBER_${number}_NAME]}" ]] || NUMBER=$number
  done
  ((NUMBER > 0)) || refuse 2 "which member this node is to be is not known (${MEMBER:-no name found})" "give --member NAME: one of$names"
  [[ -n $DATA_OPTION ]] && DATA_DIR=$DATA_OPTION DATA_FROM=--data-dir
  [[ -n $DATA_DIR ]] || { DATA_DIR=${PLAN[MEMBER_${NUMBER}_DATA_DIR]-} DATA_FROM='the plan'; }
  [[ -n $DATA_DIR ]] || { DATA_DIR=${FOUND[data-dir]-} DATA_FROM=$LAYOUT_FROM; }
  is_path "$DATA_DIR" || refuse 2 "the data directory is not known" "give --data-dir DIR"
  DATA_DIR=$ROOT$DATA_DIR
  check_data_dir
  check_node_etcd
}

find_layout() {
  local unit file planned=auto
  [[ -z $LAYOUT_OPTION ]] || planned=$LAYOUT_OPTION
  if [[ $planned == static-pod || ($planned == auto && -e $MANIFESTS/etcd.yaml) || ($planned == auto && -e $STATE/manifests/etcd.yaml) ]]; then
    LAYOUT=static-pod
    file=$MANIFESTS/etcd.yaml
    [[ -e $file || ! -e $STATE/manifests/etcd.yaml ]] || file=$STATE/manifests/etcd.yaml
    [[ -f $file ]] || refuse 2 "there is no $file" "put etcd's manifest there, or give --layout"
    LAYOUT_FROM=$file
    read_flags "$file"
    return 0
  fi
  SERVICE=${SERVICE_OPTION:-etcd}
  SERVICE=${SERVICE%.service}
  for unit in "$ROOT"{/etc,/run,/usr/lib,/lib}"/systemd/system/$SERVICE.service"; do
    [[ $planned == auto || $planned == systemd ]] || break
    [[ -f $unit ]] || continue
    LAYOUT=systemd LAYOUT_FROM=$unit
    read_flags "$unit"
    return 0
  done
  [[ $planned != systemd ]] || refuse 2 "there is no unit $SERVICE.service" "give --service NAME"
  LAYOUT=bare LAYOUT_FROM='neither a static pod nor a unit'
  [[ -z $ENV_FILE_OPTION ]] || read_environment "$ENV_FILE_OPTION"
}

# read_flags FILE: flags of etcd's out of a manifest or a unit, and the unit's environment files.
read_flags() {
  local line word flag='' file
  while IFS= read -r line || [[ -n $line ]]; do
    [[ ! $line =~ ^[[:space:]]*image:[[:space:]]*[^[:space:]]*:v?(3\.[0-9]+)\. ]] || FOUND[minor]=${BASH_REMATCH[1]}
    if [[ $line =~ ^[[:space:]]*EnvironmentFile=-?(/[^[:space:]]*) ]]; then
      file=$ROOT${BASH_REMATCH[1]}
      [[ ! -f $file ]] || read_environment "$file"
    fi
    # shellcheck disable=SC2086 # words of the line; globbing is off
    for word in $(set -f && printf '%s\n' $line); do
      word=${word//[\"\']/}
      if [[ -n $flag ]]; then
        [[ $word == -* ]] || FOUND[$flag]=$word
        flag=
      fi
      if [[ $word =~ ^--?([a-z-]+)=(.*)$ ]]; then
        FOUND[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]}
      elif [[ $word =~ ^--([a-z-]+)$ ]]; then
        flag=${BASH_REMATCH[1]}
      elif [[ $word =~ ^(ExecStart=)?(/[A-Za-z0-9._/-]*/etcd)$ ]]; then
        FOUND[program]=${BASH_REMATCH[2]}
      fi
    done
  done <"$1"
}

# read_environment FILE: ETCD_* as systemd reads them; nothing is evaluated.
read_environment() {
  local line key
  while IFS= read -r line || [[ -n $line ]]; do
    [[ $line =~ ^(export[[:space:]]+)?ETCD_([A-Z0-9_]+)=(.*)$ ]] || continue
    key=${BASH_REMATCH[2],,}
    line=${BASH_REMATCH[3]}
    line=${line#[\"\']}
    FOUND[${key//_/-}]=${line%[\"\']}
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

# Data of a newer minor never starts under an older etcd.
check_node_etcd() {
  local answer
  if [[ -z ${FOUND[minor]-} && $LAYOUT != static-pod ]]; then
    answer=$("${FOUND[program]:-etcd}" --version 2>/dev/null) || answer=
    [[ ! $answer =~ ^etcd\ Version:\ (3\.[0-9]+)\. ]] || FOUND[minor]=${BASH_REMATCH[1]}
  fi
  if [[ -z ${FOUND[minor]-} ]]; then
    warn "the version of this node's etcd is not known; it must be ${PLAN[ETCD_MINOR]} or later"
  elif ((${FOUND[minor]#3.} < ${PLAN[ETCD_MINOR]#3.})); then
    refuse 6 "the snapshot is of etcd ${PLAN[ETCD_MINOR]}, and this node has ${FOUND[minor]}, which cannot run on it" "install etcd ${PLAN[ETCD_MINOR]} on every node first"
  fi
}

say_node() {
  say "member       $MEMBER ($MEMBER_FROM)"
  say "layout       $LAYOUT ($LAYOUT_FROM)"
  say "data         $DATA_DIR ($DATA_FROM)"
}
