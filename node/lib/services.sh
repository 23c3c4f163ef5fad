# shellcheck shell=bash
# Stopping and starting what runs on the node, by layout.

# A file with the last words of what is waited for, where it has any.
REASON_IN=

# within SECONDS WHAT COMMAND...: asks until the command says yes; refuses with 3 after that time.
within() {
  local end=$((SECONDS + $1)) what=$2 said=
  shift 2
  until "$@"; do
    if ((SECONDS >= end)); then
      [[ ! -s $REASON_IN ]] || said=" ($(why "$REASON_IN"))"
      refuse 3 "$what: not within the time given$said" "look why; then run $AGAIN again, or rollback. --wait SECONDS gives more time"
    fi
    sleep 0.2
  done
}

# db_is_open: whether any process has the member's database open, however it was started. Sets HOLDER to its id.
db_is_open() {
  local each database=$DATA_DIR/member/snap/db
  HOLDER=
  [[ -f $database ]] || return 1
  for each in /proc/[0-9]*/fd/*; do
    [[ $each -ef $database ]] || continue
    HOLDER=${each#/proc/}
    HOLDER=${HOLDER%%/*}
    return 0
  done
  return 1
}

db_is_closed() { ! db_is_open; }

# move_out NAME: a static pod's manifest out of the folder that the kubelet watches, and the container gone.
move_out() {
  if [[ -e $MANIFESTS/$1.yaml ]]; then
    mkdir -p -- "$STATE/manifests"
    rename "$MANIFESTS/$1.yaml" "$STATE/manifests/$1.yaml"
  fi
  if type -P crictl >/dev/null; then
    within "$WAIT" "$1 did not stop" no_container "$1"
  else
    warn "crictl is not on PATH: whether $1 has stopped is not known"
  fi
}

# Where crictl itself fails nothing is known.
no_container() {
  local ids
  ids=$(timeout 20 crictl ps --quiet --name "^$1\$" 2>/dev/null) && [[ -z $ids ]]
}

# move_in NAME: the manifest as it was. The kubelet looks at no file whose name begins with a dot.
move_in() {
  [[ -e $STATE/manifests/$1.yaml ]] || return 0
  rename "$STATE/manifests/$1.yaml" "$MANIFESTS/.$1.yaml.lifeboat"
  rename "$MANIFESTS/.$1.yaml.lifeboat" "$MANIFESTS/$1.yaml"
}

# Of a run that was killed within move_in.
finish_moves() {
  local each
  for each in "$MANIFESTS"/.*.yaml.lifeboat; do
    [[ -f $each ]] || continue
    mkdir -p -- "$STATE/manifests"
    each=${each##*/.}
    rename "$MANIFESTS/.$each" "$STATE/manifests/${each%.lifeboat}"
  done
}

# In the foreground, so that Ctrl-C reaches systemctl too.
run_systemctl() { timeout --foreground "$WAIT" systemctl "$@"; }

unit_is_active() { run_systemctl is-active "$1" >/dev/null 2>&1; }

# A unit that waits to be started again is not failed.
unit_has_failed() { run_systemctl is-failed "$1" >/dev/null 2>&1; }

# has_systemd: as sd_booted(3) tells. A root of its own has none of the host's.
has_systemd() { [[ -d $ROOT/run/systemd/system ]] && type -P systemctl >/dev/null; }

stop_api_server() {
  if [[ $LAYOUT == static-pod ]]; then
    move_out kube-apiserver
  elif has_systemd && unit_is_active kube-apiserver; then
    [[ -n ${KEPT[API_UNIT]-} ]] || keep API_UNIT yes
    run_systemctl stop kube-apiserver || refuse 3 "systemctl stop kube-apiserver failed" "look why: systemctl status kube-apiserver"
  fi
}

start_api_server() {
  if [[ $LAYOUT == static-pod ]]; then
    move_in kube-apiserver
  elif [[ ${KEPT[API_UNIT]-} == yes ]]; then
    run_systemctl start kube-apiserver || refuse 3 "systemctl start kube-apiserver failed" "look why: systemctl status kube-apiserver"
  fi
}

stop_etcd() {
  case $LAYOUT in
    static-pod) move_out etcd ;;
    systemd) run_systemctl stop "$SERVICE" || refuse 3 "systemctl stop $SERVICE failed" "look why: systemctl status $SERVICE" ;;
    bare)
      if db_is_open; then
        if [[ -n $STOP_PROGRAM ]]; then
          "$STOP_PROGRAM" || refuse 3 "$STOP_PROGRAM failed" "stop etcd (process $HOLDER), then run $AGAIN again"
        else
          kill -TERM "$HOLDER" 2>/dev/null || true
        fi
      fi
      ;;
  esac
  within "$WAIT" "etcd still has $DATA_DIR open" db_is_closed
}

# start_etcd FLAG...: those that a bare etcd is to have besides its own.
start_etcd() {
  case $LAYOUT in
    static-pod) move_in etcd ;;
    # A unit of Type=notify has started when there is a quorum, and is given up by systemd before this script's time is over: health waits for it.
    systemd) run_systemctl start --no-block "$SERVICE" || refuse 3 "systemctl start $SERVICE failed" "look why: systemctl status $SERVICE; then $AGAIN again, or rollback" ;;
    bare)
      ! db_is_open || return 0
      [[ -n $START_PROGRAM ]] || refuse 6 "etcd is to be started now, and how is not known here" \
        "start it on $DATA_DIR as before, but with $*; then run $AGAIN again. --start PROGRAM does it in one go"
      "$START_PROGRAM" "$@" || refuse 3 "$START_PROGRAM failed" "look why; then $AGAIN again, or rollback"
      ;;
  esac
}
