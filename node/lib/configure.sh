# shellcheck shell=bash
# The flags that etcd starts with: putting others where they stand on this node, and taking that back.
# With a restored member etcd passes over --initial-cluster and its state. State "existing" is for the day when the directory is empty: etcd then refuses, and begins no empty cluster.

# Set while etcd is to start with --force-new-cluster: member.sh.
FORCED=

configure_step() {
  put_flag initial-cluster-state existing || warn "--initial-cluster-state=existing could not be put into $LAYOUT_FROM: put it there by hand"
  [[ $WAY == join ]] || return 0
  { put_flag initial-cluster "${KEPT[JOIN_CLUSTER]}" && put_flag initial-cluster-state existing; } ||
    refuse 6 "$LAYOUT_FROM could not be changed so that etcd joins" "put --initial-cluster-state=existing and --initial-cluster=${KEPT[JOIN_CLUSTER]} there; then run apply --join again"
}

# start_flags: what a bare etcd's program is given to append. Where a file of variables has them already etcd would call the flags a conflict.
start_flags() {
  [[ -z $ENVIRONMENT_FILE ]] || return 0
  printf '%s\n' --initial-cluster-state=existing
  [[ -z $FORCED ]] || printf '%s\n' --force-new-cluster
  [[ $WAY != join ]] || printf '%s\n' "--initial-cluster=${KEPT[JOIN_CLUSTER]-}"
}

# put_flag FLAG VALUE: whether etcd starts with it from now on. For a bare etcd without a file start_flags does it.
put_flag() {
  local flag=$1 value=$2 file
  find_layout
  [[ ${FOUND[$flag]-} != "$value" ]] || return 0
  file=${FOUND_IN[$flag]-}
  if [[ -n $file ]]; then
    change_lines "$file" "$flag" "$value"
  elif [[ $LAYOUT == static-pod ]]; then
    insert_line "$LAYOUT_FROM" "$flag" "$value"
  elif [[ -n $ENVIRONMENT_FILE ]]; then
    append_line "$ENVIRONMENT_FILE" "$(variable "$flag")=$value"
  elif [[ $LAYOUT == systemd ]]; then
    add_to_unit "$flag" "$value"
  else
    return 0
  fi
  [[ $LAYOUT != systemd ]] || run_systemctl daemon-reload || warn "systemctl daemon-reload failed"
  find_layout
  [[ ${FOUND[$flag]-} == "$value" ]]
}

# variable FLAG: its name in the environment.
variable() {
  local name=${1//-/_}
  printf 'ETCD_%s' "${name^^}"
}

# change_lines FILE FLAG VALUE: wherever the flag or its variable stands. Quotes stay as they were.
change_lines() {
  local file=$1 value=$3 line
  local flag='^(.*[[:space:]"'"'"'])?(--?'$2'(=|[[:space:]]+))([^[:space:]"'"'"']*)(.*)$'
  local set
  local -a lines=()
  set='^(.*)('$(variable "$2")'=["'"'"']?)([^[:space:]"'"'"']*)(.*)$'
  while IFS= read -r line || [[ -n $line ]]; do
    if [[ $line =~ ^[[:space:]]*# ]]; then
      :
    elif [[ $line =~ $flag ]]; then
      line=${BASH_REMATCH[1]}${BASH_REMATCH[2]}$value${BASH_REMATCH[5]}
    elif [[ $line =~ $set ]]; then
      line=${BASH_REMATCH[1]}${BASH_REMATCH[2]}$value${BASH_REMATCH[4]}
    fi
    lines+=("$line")
  done <"$file"
  write_changed "$file" "${lines[@]}"
}

# insert_line FILE FLAG VALUE: behind a flag that every manifest has, with its indentation.
insert_line() {
  local line done=
  local -a lines=()
  while IFS= read -r line || [[ -n $line ]]; do
    lines+=("$line")
    [[ -z $done && $line =~ ^([[:space:]]*-[[:space:]]+)--(name|data-dir)= ]] || continue
    lines+=("${BASH_REMATCH[1]}--$2=$3")
    done=yes
  done <"$1"
  [[ -z $done ]] || write_changed "$1" "${lines[@]}"
}

# append_line FILE LINE
append_line() {
  local line
  local -a lines=()
  while IFS= read -r line || [[ -n $line ]]; do lines+=("$line"); done <"$1"
  write_changed "$1" ${lines[@]+"${lines[@]}"} "$2"
}

add_to_unit() {
  local file=$ROOT/etc/systemd/system/$SERVICE.service.d/etcd-lifeboat.conf
  mkdir -p -- "${file%/*}"
  if [[ -f $file ]]; then
    append_line "$file" "Environment=$(variable "$1")=$2"
  else
    write_changed "$file" '# of restore.sh' '[Service]' "Environment=$(variable "$1")=$2"
  fi
}

# write_changed FILE LINE...: in one go, with owner, mode and context as before. What was there is kept first.
write_changed() {
  local file=$1 path kept
  shift
  path=${file#"$ROOT"}
  [[ $file != "$STATE/manifests/etcd.yaml" ]] || path=/etc/kubernetes/manifests/etcd.yaml
  kept=$STATE/original$path
  file=$(readlink -f -- "$file")
  if [[ -e $file && ! -e $kept ]]; then
    mkdir -p -- "${kept%/*}" 2>/dev/null || refuse 5 "${kept%/*} cannot be made" "make $STATE writable; then run the same command again"
    copy "$file" "$kept.new"
    rename "$kept.new" "$kept"
  fi
  [[ " ${KEPT[CHANGED]-} " == *" $path "* ]] || keep CHANGED "${KEPT[CHANGED]-} $path"
  [[ ! -e $file ]] || copy "$file" "$file.lifeboat"
  { printf '%s\n' "$@" >"$file.lifeboat"; } 2>/dev/null || refuse 5 "$file.lifeboat cannot be written" "make room there, or make it writable; then run the same command again"
  dd if=/dev/null of="$file.lifeboat" bs=1 count=0 conv=notrunc,fsync 2>/dev/null
  rename "$file.lifeboat" "$file"
}

# put_back_changed: what write_changed kept. A static pod's manifest is out of the kubelet's folder at that time.
put_back_changed() {
  local path file kept
  for path in ${KEPT[CHANGED]-}; do
    kept=$STATE/original$path file=$ROOT$path
    [[ $path != /etc/kubernetes/manifests/etcd.yaml || ! -e $STATE/manifests/etcd.yaml ]] || file=$STATE/manifests/etcd.yaml
    file=$(readlink -f -- "$file")
    if [[ -e $kept ]]; then
      copy "$kept" "$file.lifeboat"
      rename "$file.lifeboat" "$file"
    elif [[ $path == */etcd-lifeboat.conf ]]; then
      rm -f -- "$file" "$file.lifeboat"
    else
      refuse 6 "what $file was before is not in $STATE/original any more" "put it back by hand, into $kept or there; then run rollback again"
    fi
  done
  [[ -z ${KEPT[CHANGED]-} || $LAYOUT != systemd ]] || run_systemctl daemon-reload || warn "systemctl daemon-reload failed"
}
