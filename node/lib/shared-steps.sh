# shellcheck shell=bash
# Steps that both scripts have. Each may be begun again after it was killed anywhere: it looks at what is there.

# Beside the member, in the same mount: a rename moves it.
stage() { printf '%s' "$DATA_DIR/.lifeboat-restore"; }
old_member() { printf '%s' "$DATA_DIR/member.before-${KEPT[STAMP]}"; }

start_etcd_step() {
  local -a flags
  read -r -d '' -a flags < <(start_flags) || true
  start_etcd ${flags[@]+"${flags[@]}"}
}

# give_to_etcd STAGE: what was restored there, as the member that it takes the place of; and on the disk.
give_to_etcd() {
  local stage=$1 model=$DATA_DIR/member remover
  [[ -d $model ]] || model=$DATA_DIR
  chown -R --reference="$model" -- "$stage/data/member"
  chmod 700 -- "$stage/data/member"
  [[ ! -d /sys/fs/selinux ]] || chcon -R --reference="$model" -- "$stage/data/member" 2>/dev/null || warn "the SELinux context could not be set: restorecon -R $DATA_DIR"
  # Side by side: each waits for the disk.
  rm -f -- "$stage/snapshot.db" &
  remover=$!
  settle "$stage"/data/member/*/* "$stage"/data/member/* "$stage/data/member" "$stage/data" "$stage"
  wait "$remover"
}

swap_step() {
  local stage old
  stage=$(stage)
  old=$(old_member)
  if [[ -d $stage/data/member ]]; then
    [[ ${KEPT[HAD_MEMBER]} != yes || -d $old ]] || rename "$DATA_DIR/member" "$old"
    rename "$stage/data/member" "$DATA_DIR/member"
  fi
  [[ -d $DATA_DIR/member ]] || refuse 1 "there is no $DATA_DIR/member" "run rollback"
  rm -rf -- "$stage"
  settle "$DATA_DIR"
}

set_aside_step() {
  local old
  old=$(old_member)
  [[ ! -d $DATA_DIR/member || -d $old ]] || rename "$DATA_DIR/member" "$old"
  settle "$DATA_DIR"
}

health_step() {
  # It may have ended since: nothing else starts a bare one again, nor a unit that failed too often.
  [[ -z ${STEP_BEGAN[health]-} ]] || start_etcd_step
  HEALTH_BEGAN=$SECONDS
  within "$WAIT" "$NOT_HEALTHY" is_healthy_or_fails
}

# Once it ran for a while without a quorum it is started again: systemd gives up a unit that is long in starting.
is_healthy_or_fails() {
  ! is_healthy || return 0
  [[ $LAYOUT == systemd ]] && unit_has_failed "$SERVICE" || return 1
  ((SECONDS - HEALTH_BEGAN >= 30)) ||
    refuse 3 "etcd ended: unit $SERVICE has failed" "look why: journalctl -u $SERVICE. $IF_FAILED; then run $AGAIN again, or rollback"
  HEALTH_BEGAN=$SECONDS
  run_systemctl reset-failed "$SERVICE" || true
  start_etcd_step
  return 1
}

compare_step() {
  local end=$((SECONDS + WAIT)) most=5
  HASHES_DIFFER=0 COMPARE_NOW=
  # More than once: a compaction may come between two answers; and 3.4 is asked at whatever revision it has.
  [[ $CLUSTER_MINOR != 3.4 ]] || most=25
  find_compared
  until members_agree; do
    ((HASHES_DIFFER < most)) || refuse 3 "$MISSING holds other data than the others, though all are healthy" "$IF_DIFFERENT"
    ((SECONDS < end)) || refuse 3 "$MISSING did not say its hash: $(why "$SCRATCH/hashkv.err")" "look whether ${AGAIN%% *} ran there; then run $AGAIN again"
    sleep 0.5
  done
}

describe_service() {
  case $1-$LAYOUT in
    stop-api-server-static-pod) say "mv $MANIFESTS/kube-apiserver.yaml $STATE/manifests/; wait until it has stopped" ;;
    start-api-server-static-pod) say "mv $STATE/manifests/kube-apiserver.yaml $MANIFESTS/" ;;
    stop-etcd-static-pod) say "mv $MANIFESTS/etcd.yaml $STATE/manifests/; wait until it has stopped" ;;
    start-etcd-static-pod) say "mv $STATE/manifests/etcd.yaml $MANIFESTS/" ;;
    stop-api-server-* | start-api-server-*) say "systemctl ${1%%-*} kube-apiserver, where it is active" ;;
    stop-etcd-systemd) say "systemctl stop $SERVICE" ;;
    start-etcd-systemd) say "systemctl start --no-block $SERVICE" ;;
    stop-etcd-bare) say "${STOP_PROGRAM:-kill -TERM the process that has $DATA_DIR/member/snap/db open}; wait until it has ended" ;;
    start-etcd-bare) say "${START_PROGRAM:-ends here with exit code 6: you start etcd, then ${AGAIN%% *} goes on}" ;;
  esac
}

# What etcd may have written to since is kept; what it never ran on is not.
set_restored_aside() {
  [[ -d $DATA_DIR/member ]] || return 0
  if [[ -n ${STEP_BEGAN[start-etcd]-}${STEP_BEGAN[start-forced]-} ]]; then
    rename "$DATA_DIR/member" "$DATA_DIR/member.restored-${KEPT[STAMP]}"
    note "kept what was restored: $DATA_DIR/member.restored-${KEPT[STAMP]}"
  else
    rm -rf -- "$DATA_DIR/member"
  fi
}

# An alarm of the snapshot is listed under a member that is no more, and refuses every write: docs/restore.md.
disarm_step() {
  local listed
  listed=$(etcdctl_at "$OWN_CLIENT_URLS" alarm list 2>"$SCRATCH/alarm.err") || refuse 3 "alarms cannot be listed: $(why "$SCRATCH/alarm.err")" "run apply again; give --cert and --key of root where the cluster has auth"
  [[ $listed != *CORRUPT* ]] || refuse 6 "the restored cluster has the alarm CORRUPT" "run rollback, and take another snapshot"
  [[ $listed == *NOSPACE* ]] || return 0
  etcdctl_at "$OWN_CLIENT_URLS" alarm disarm >/dev/null 2>"$SCRATCH/alarm.err" || refuse 3 "the alarm NOSPACE cannot be disarmed: $(why "$SCRATCH/alarm.err")" "run apply again"
  note "disarmed NOSPACE, which the snapshot held: look at --quota-backend-bytes before it comes back"
}

describe_configure() {
  local file=${FOUND_IN[initial-cluster-state]:-$LAYOUT_FROM} flags='--initial-cluster-state=existing'
  [[ $WAY != join ]] || flags+=" and --initial-cluster with the members that the cluster lists"
  if [[ ${FOUND[initial-cluster-state]-} == existing && $WAY != join ]]; then
    say "nothing: the state is existing"
  elif [[ $LAYOUT == bare && -z $ENVIRONMENT_FILE ]]; then
    say "$flags, given to --start PROGRAM"
  else
    say "$flags in $file"
  fi
}
