# shellcheck shell=bash
# apply, status and rollback.

run_apply() {
  open_bundle
  [[ ${PLAN[FOR]} == etcd ]] || refuse 2 "the bundle is for ${PLAN[FOR]}, whose own tools restore" "restore.sh export, then NEXT-STEPS.txt in $TAR_NAME"
  [[ -n $ROOT || $EUID == 0 ]] || refuse 5 "apply must be run as root" "sudo"
  refuse_corrupt
  take_lock
  refuse_unfinished_files
  read_journal
  refuse_begun_by member.sh "${KEPT[REPAIR]-}"
  [[ ${KEPT[ROLLBACK]-} != begun ]] || refuse 6 "a rollback was begun here and did not end" "run rollback again first"
  if [[ -n ${KEPT[PLAN]-} && ${KEPT[PLAN]} == "$PLAN_DIGEST" && ${KEPT[ROLLBACK]-} != done && -n ${KEPT[DONE]-} ]]; then
    say "done already: ${PLAN[CLUSTER]}/${PLAN[SNAPSHOT]} was restored here at $(date -u -d "@${KEPT[DONE]}" +%Y-%m-%dT%H:%M:%SZ)"
    return 0
  fi
  if [[ -z ${KEPT[PLAN]-} || -n ${KEPT[DONE]-} || ${KEPT[ROLLBACK]-} == done ]]; then
    STEP_ENDED=()
    find_node
    check_quota
    check_way
    open_what_restores
    begin_journal
  else
    [[ ${KEPT[PLAN]} == "$PLAN_DIGEST" ]] || refuse 6 "another restore was begun here, of ${KEPT[SNAPSHOT]-}" "end it with its own bundle, or run rollback"
    note "going on with what was begun"
    resume_node
    open_what_restores
  fi
  find_certificates
  say_node
  steps_here
  run_steps
  keep DONE "$(date +%s)"
  say "done: ${PLAN[CLUSTER]}/${PLAN[SNAPSHOT]}, ${AGREED_COUNT:-${PLAN[MEMBERS]}} member(s) agree on hash ${AGREED:-checked before}, revision ${PLAN[REVISION_AFTER]}"
  [[ ${KEPT[HAD_MEMBER]} != yes ]] || say "kept: $(old_member), what was there before; remove it when nobody needs it any more"
  [[ $WAY != first || ${PLAN[MEMBERS]} == 1 ]] || say "next: apply --join on each of the others"
  say "next: restart kubelets, controllers and schedulers on every node: they hold what they saw before"
}

refuse_corrupt() {
  [[ " ${PLAN[ALARMS]-} " != *' CORRUPT '* ]] || refuse 6 "the snapshot was taken under the alarm CORRUPT" "take an earlier, good snapshot"
}

# open_what_restores: whoever joins needs neither identity nor payload, and a member that is restored no payload any more.
open_what_restores() {
  [[ $WAY != join ]] || return 0
  open_identity
  [[ -n ${STEP_ENDED[restore]-} ]] || check_payload
}

# After every check that changes nothing: what is refused before this has begun nothing.
begin_journal() {
  # The journal first: as long as it stands, a rollback needs what was kept.
  [[ ! -e $STATE/journal ]] || rename "$STATE/journal" "$STATE/journal.${KEPT[STAMP]:-old}"
  rm -rf -- "$STATE/original" "$STATE/etcdctl"
  KEPT=() STEP_ENDED=() STEP_BEGAN=()
  : >"$STATE/journal"
  keep MEMBER "$MEMBER"
  keep WAY "$WAY"
  keep LAYOUT "$LAYOUT"
  keep SERVICE "${SERVICE:-none}"
  keep DATA_DIR "$DATA_DIR"
  keep SNAPSHOT "${PLAN[CLUSTER]}/${PLAN[SNAPSHOT]}"
  keep STAMP "$(date -u +%Y%m%dT%H%M%SZ)"
  if [[ -d $DATA_DIR/member ]]; then keep HAD_MEMBER yes; else keep HAD_MEMBER no; fi
  if db_is_open; then keep RAN yes; else keep RAN no; fi
  # The last: a journal without it has begun nothing.
  keep PLAN "$PLAN_DIGEST"
}

# steps_here: sets STEPS_HERE to those of the way that this node takes.
steps_here() { if [[ $WAY == join ]]; then STEPS_HERE=$JOIN_STEPS; else STEPS_HERE=$STEPS; fi; }

check_way() {
  [[ $WAY == join ]] || return 0
  ((PLAN[MEMBERS] > 1)) || refuse 2 "the plan has one member: there is nobody to join" "run apply without --join"
  # What the others send, and the log.
  need_space "$DATA_DIR" $((PLAN[SNAPSHOT_BYTES] + 200 * 1024 * 1024)) "for what the others send" "--data-dir"
}

resume_node() {
  [[ ${KEPT[WAY]:-all} == "$WAY" ]] || refuse 6 "this was begun as apply$(way_option "${KEPT[WAY]:-all}")" "run that again, or rollback"
  finish_moves
  find_node
  [[ $MEMBER == "${KEPT[MEMBER]}" && $DATA_DIR == "${KEPT[DATA_DIR]}" && $LAYOUT == "${KEPT[LAYOUT]}" ]] ||
    refuse 6 "this was begun for ${KEPT[MEMBER]} in ${KEPT[DATA_DIR]} (${KEPT[LAYOUT]}), and now it would be $MEMBER in $DATA_DIR ($LAYOUT)" "give the same options as before, or run rollback"
}

way_option() { [[ $1 == all ]] || printf ' --%s' "$1"; }

run_status() {
  read_journal
  WAY=${KEPT[WAY]:-all}
  if [[ -z ${KEPT[PLAN]-} ]]; then
    say "nothing was restored on this node"
    return 0
  fi
  say "snapshot     ${KEPT[SNAPSHOT]-}, member ${KEPT[MEMBER]-} in ${KEPT[DATA_DIR]-} (${KEPT[LAYOUT]-}), begun ${KEPT[STAMP]-}"
  say "plan digest  $(in_groups "${KEPT[PLAN]}" 4)"
  if [[ ${KEPT[ROLLBACK]-} == done ]]; then
    say "rolled back: what was there before is there again"
    return 0
  fi
  steps_here
  say_steps
  if [[ ${KEPT[ROLLBACK]-} != begun && -n ${KEPT[DONE]-} ]]; then
    say "done"
    return 0
  fi
  ! is_at_work || refuse 6 "not done: restore.sh is at work here (process $WORKER)" "wait until it ends"
  [[ ${KEPT[ROLLBACK]-} != begun ]] || refuse 6 "a rollback was begun and did not end" "run rollback again"
  refuse 6 "not done" "run apply$(way_option "$WAY") again to go on, or rollback"
}

# What was there before, renamed back. Needs no bundle.
run_rollback() {
  local old
  need_tools openssl tar sha256sum od dd mktemp stat df readlink uname
  [[ -n $ROOT || $EUID == 0 ]] || refuse 5 "rollback must be run as root" "sudo"
  [[ -d $STATE ]] || refuse 2 "nothing was restored on this node" "there is nothing to take back"
  take_lock
  read_journal
  [[ -n ${KEPT[PLAN]-} ]] || refuse 2 "nothing was restored on this node" "there is nothing to take back"
  if [[ ${KEPT[ROLLBACK]-} == done ]]; then
    say "done already: rolled back"
    return 0
  fi
  WAY=${KEPT[WAY]:-all} LAYOUT=${KEPT[LAYOUT]} SERVICE=${KEPT[SERVICE]} DATA_DIR=${KEPT[DATA_DIR]} MEMBER=${KEPT[MEMBER]}
  keep ROLLBACK begun
  finish_moves
  if [[ -n ${STEP_BEGAN[stop-api-server]-} ]]; then
    stop_api_server
    [[ $WAY != join ]] || leave_cluster
    stop_etcd
  fi
  old=$(old_member)
  if [[ ${KEPT[HAD_MEMBER]} == yes && -d $old ]]; then
    set_restored_aside
    rename "$old" "$DATA_DIR/member"
  elif [[ ${KEPT[HAD_MEMBER]} == no && -d $DATA_DIR/member ]]; then
    set_restored_aside
  fi
  put_back_changed
  rm -rf -- "$(stage)"
  sync
  if [[ $LAYOUT == static-pod || (${KEPT[RAN]} == yes && -n ${STEP_BEGAN[stop-api-server]-}) ]]; then
    [[ $LAYOUT == bare && -z $START_PROGRAM ]] && ! db_is_open && note "start etcd as before: how is not known here"
    [[ $LAYOUT == bare && -z $START_PROGRAM ]] || start_etcd
  elif [[ ${KEPT[RAN]} != yes ]]; then
    note "etcd did not run before, and is not started"
  fi
  start_api_server
  keep ROLLBACK done
  rm -f -- "$STATE/etcdctl" "$STATE/remove.err" "$STATE/members"
  say "rolled back: $DATA_DIR is what it was"
}

# The exact commands, where this node can be found out about.
say_commands() {
  find_layout
  if [[ $LAYOUT == bare && -z $DATA_OPTION && -z ${FOUND[data-dir]-} && -z ${PLAN[MEMBER_1_DATA_DIR]-} ]]; then
    say "how etcd runs here is not known, so the commands of apply are not either: --data-dir and --member say it"
    return 0
  fi
  find_node
  find_certificates
  find_payload || true
  say_node
  check_quota
  say "apply$(way_option "$WAY") would, in this order:"
  steps_here
  describe_steps
}
