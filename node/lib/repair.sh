# shellcheck shell=bash disable=SC2119
# What every repair of member.sh has: checks, journal, steps, progress and rollback.

run_repair() {
  [[ -n $ROOT || $EUID == 0 ]] || refuse 5 "$COMMAND must be run as root" "sudo"
  need_tools openssl dd mktemp stat df readlink timeout
  find_programs etcdctl
  make_scratch
  steps_of "$COMMAND"
  if [[ -n $DRY_RUN ]]; then
    read_journal
    refuse_open_journal
    KEPT=()
    check_repair
    say_node
    say "$COMMAND would, in this order:"
    describe_steps
    return 0
  fi
  take_lock
  read_journal
  if is_repair_open "$COMMAND"; then
    note "going on with what was begun"
    resume_repair
  else
    refuse_open_journal
    KEPT=() STEP_ENDED=() STEP_BEGAN=()
    check_repair
    begin_repair
  fi
  say_node
  run_steps
  keep DONE "$(date +%s)"
  case $COMMAND in
    replace) say_replaced ;;
    *) say_alone ;;
  esac
  [[ ${KEPT[HAD_MEMBER]} != yes || ! -d $(old_member) ]] || say "kept: $(old_member), what was there before; remove it when nobody needs it any more"
}

# steps_of COMMAND: sets STEPS_HERE, and WAY, by which etcd's flags are put.
steps_of() {
  case $1 in
    replace) STEPS_HERE=$REPLACE_STEPS WAY=join ;;
    force-new-cluster) STEPS_HERE=$FORCE_STEPS WAY=alone ;;
    rebuild) STEPS_HERE=$REBUILD_STEPS WAY=alone ;;
  esac
}

check_repair() {
  case $COMMAND in
    replace) check_replace ;;
    force-new-cluster) check_force ;;
    rebuild) check_rebuild ;;
  esac
}

# is_repair_open COMMAND: whether that one was begun here, and did not end.
is_repair_open() { [[ ${KEPT[REPAIR]-} == "$1" && -z ${KEPT[DONE]-} && -z ${KEPT[ROLLBACK]-} ]]; }

refuse_open_journal() {
  [[ ${KEPT[ROLLBACK]-} != begun ]] || refuse 6 "a rollback was begun here and did not end" "run rollback again first"
  [[ -z ${KEPT[PLAN]-} ]] || refuse_begun_by restore.sh apply
  refuse_begun_by member.sh "${KEPT[REPAIR]-}"
}

# After every check that changes nothing: what is refused before this has begun nothing.
begin_repair() {
  read_journal
  [[ ! -e $STATE/journal ]] || rename "$STATE/journal" "$STATE/journal.${KEPT[STAMP]:-old}"
  rm -rf -- "$STATE/original" "$STATE/etcdctl"
  KEPT=() STEP_ENDED=() STEP_BEGAN=()
  : >"$STATE/journal"
  keep MEMBER "$MEMBER"
  keep LAYOUT "$LAYOUT"
  keep SERVICE "${SERVICE:-none}"
  keep DATA_DIR "$DATA_DIR"
  keep STAMP "$(date -u +%Y%m%dT%H%M%SZ)"
  if [[ -d $DATA_DIR/member ]]; then keep HAD_MEMBER yes; else keep HAD_MEMBER no; fi
  if db_is_open; then keep RAN yes; else keep RAN no; fi
  case $COMMAND in
    replace) keep_replace ;;
    *) keep_alone ;;
  esac
  [[ -z $NO_COPY ]] || keep NO_COPY yes
  # The last: a journal without it has begun nothing.
  keep REPAIR "$COMMAND"
}

resume_repair() {
  finish_moves
  find_own_member
  CLUSTER_MINOR=${KEPT[CLUSTER_MINOR]-}
  [[ $COMMAND != rebuild ]] || find_programs etcdutl
  [[ $MEMBER == "${KEPT[MEMBER]}" && $DATA_DIR == "${KEPT[DATA_DIR]}" && $LAYOUT == "${KEPT[LAYOUT]}" ]] ||
    refuse 6 "this was begun for ${KEPT[MEMBER]} in ${KEPT[DATA_DIR]} (${KEPT[LAYOUT]}), and now it would be $MEMBER in $DATA_DIR ($LAYOUT)" "give the same options as before, or run rollback"
}

run_step() {
  # What starts etcd from now on starts it with that flag, or without it.
  case $1 in
    put-force | start-forced | alone) FORCED=yes ;;
    *) FORCED='' ;;
  esac
  case $1 in
    stop-api-server) stop_api_server ;;
    start-api-server) start_api_server ;;
    stop-etcd | stop-forced) stop_etcd ;;
    start-etcd | start-forced) start_etcd_step ;;
    configure) configure_step ;;
    health) health_step ;;
    swap) swap_step ;;
    disarm) disarm_step ;;
    remove-member) remove_member_step ;;
    set-aside) set_aside_step ;;
    add-learner) add_learner_step ;;
    promote) promote_step ;;
    compare) compare_step ;;
    disarm-removed) disarm_removed_step ;;
    others-stopped) others_stopped_step ;;
    keep-copy) keep_copy_step ;;
    put-force) put_force_step ;;
    alone) alone_step ;;
    drop-force) drop_force_step ;;
    copy-database) copy_database_step ;;
    restore-database) restore_database_step ;;
  esac
}

describe_step() {
  case $1 in
    stop-api-server | start-api-server | stop-etcd | start-etcd) describe_service "$1" ;;
    configure) describe_configure ;;
    health) say "etcdctl --endpoints $OWN_CLIENT_URLS endpoint health" ;;
    *)
      case $COMMAND in
        replace) describe_replace_step "$1" ;;
        force-new-cluster) describe_force_step "$1" ;;
        rebuild) describe_rebuild_step "$1" ;;
      esac
      ;;
  esac
}

run_progress() {
  read_journal
  if [[ -z ${KEPT[REPAIR]-} ]]; then
    say "nothing was repaired on this node"
    return 0
  fi
  say "${KEPT[REPAIR]}: member ${KEPT[MEMBER]-} in ${KEPT[DATA_DIR]-} (${KEPT[LAYOUT]-}), begun ${KEPT[STAMP]-}"
  if [[ ${KEPT[ROLLBACK]-} == done ]]; then
    say "rolled back"
    return 0
  fi
  steps_of "${KEPT[REPAIR]}"
  say_steps
  if [[ ${KEPT[ROLLBACK]-} != begun && -n ${KEPT[DONE]-} ]]; then
    say "done"
    return 0
  fi
  ! is_at_work || refuse 6 "not done: member.sh is at work here (process $WORKER)" "wait until it ends"
  [[ ${KEPT[ROLLBACK]-} != begun ]] || refuse 6 "a rollback was begun and did not end" "run rollback again"
  refuse 6 "not done" "run ${KEPT[REPAIR]} again to go on, or rollback"
}

# run_take_back: what was there before, as far as the cluster lets it be.
run_take_back() {
  [[ -n $ROOT || $EUID == 0 ]] || refuse 5 "rollback must be run as root" "sudo"
  [[ -d $STATE ]] || refuse 2 "nothing was repaired on this node" "there is nothing to take back"
  need_tools openssl dd mktemp stat df readlink timeout
  take_lock
  read_journal
  [[ -n ${KEPT[REPAIR]-} ]] || refuse 2 "nothing was repaired on this node" "there is nothing to take back; what restore.sh did its own rollback takes back"
  if [[ ${KEPT[ROLLBACK]-} == done ]]; then
    say "done already: rolled back"
    return 0
  fi
  find_programs etcdctl
  make_scratch
  find_layout
  find_certificates
  AGAIN=rollback LAYOUT=${KEPT[LAYOUT]} SERVICE=${KEPT[SERVICE]} DATA_DIR=${KEPT[DATA_DIR]} MEMBER=${KEPT[MEMBER]}
  steps_of "${KEPT[REPAIR]}"
  case ${KEPT[REPAIR]} in
    replace)
      [[ -z ${KEPT[DONE]-} || ${KEPT[ROLLBACK]-} == begun ]] || refuse 6 "$MEMBER was replaced, and is a healthy member: there is nothing to take back" "what was there before is $(old_member)"
      keep ROLLBACK begun
      finish_moves
      take_back_replace
      ;;
    *)
      find_own_addresses
      [[ ${KEPT[NO_COPY]-} != yes || -z ${STEP_BEGAN[start-forced]-} ]] || refuse 6 "there is no copy of what was there before (--no-copy)" "run ${KEPT[REPAIR]} again: it goes on"
      [[ -z ${KEPT[DONE]-} ]] || refuse_when_joined
      keep ROLLBACK begun
      finish_moves
      take_back_alone
      ;;
  esac
  keep ROLLBACK done
  rm -f -- "$STATE/etcdctl" "$STATE/remove.err" "$STATE/members"
  say "rolled back: $DATA_DIR is what it was"
}

# put_back_data: what was set aside, renamed back.
put_back_data() {
  local old
  old=$(old_member)
  if [[ ${KEPT[HAD_MEMBER]} == yes && -d $old ]]; then
    set_restored_aside
    rename "$old" "$DATA_DIR/member"
  elif [[ ${KEPT[HAD_MEMBER]} == no && -d $DATA_DIR/member ]]; then
    set_restored_aside
  fi
  rm -rf -- "$(stage)"
}

# start_what_ran: etcd, where it ran before; a static pod runs once its manifest is there.
start_what_ran() {
  if [[ $LAYOUT == static-pod || ${KEPT[RAN]} == yes ]]; then
    [[ $LAYOUT == bare && -z $START_PROGRAM ]] && ! db_is_open && note "start etcd as before: how is not known here"
    [[ $LAYOUT == bare && -z $START_PROGRAM ]] || start_etcd
  else
    note "etcd did not run before, and is not started"
  fi
}
