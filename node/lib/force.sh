# shellcheck shell=bash
# force-new-cluster: this node's member goes on alone, with what it has.

readonly FORCE_STEPS='stop-api-server stop-etcd others-stopped keep-copy put-force start-forced alone stop-forced drop-force configure start-etcd health start-api-server'

check_force() {
  find_own_member
  [[ -d $DATA_DIR/member/wal && -d $DATA_DIR/member/snap ]] || refuse 2 "$DATA_DIR holds no member" "do this on the member with the most data: member.sh status on each node"
  check_no_quorum
  [[ -n $NO_COPY ]] || has_space "$DATA_DIR" "$(bytes_of "$DATA_DIR/member")" ||
    refuse 5 "$DATA_DIR has $FREE bytes free, which is too little for a copy of its member" "make room there; or give --no-copy: there is no rollback then"
  [[ -n $DRY_RUN$CONFIRMED ]] ||
    refuse 2 "force-new-cluster makes a cluster of $MEMBER alone: what only the other members have is lost, and they must never start again on their data" \
      "compare first (docs/member.md), on each node that still has data. Where the others are lost for good: --yes-i-lose-what-only-the-others-have. With a backup that is nearly as new, restore that instead"
}

# bytes_of FOLDER
bytes_of() {
  local kib
  read -r kib _ < <(du -s -k -- "$1")
  printf '%s' $((kib * 1024 + 64 * 1024 * 1024))
}

# A copy in a name of its own first: a killed one is no copy.
keep_copy_step() {
  local old
  old=$(old_member)
  [[ ${KEPT[NO_COPY]-} != yes && ! -d $old ]] || return 0
  rm -rf -- "$(stage)"
  copy "$DATA_DIR/member" "$(stage)"
  settle "$(stage)"/*/* "$(stage)"/* "$(stage)"
  rename "$(stage)" "$old"
  settle "$DATA_DIR"
}

put_force_step() {
  put_flag force-new-cluster true || refuse 6 "--force-new-cluster could not be put into $LAYOUT_FROM" "look at the file; or run rollback"
}

# is_alone: whether etcd runs as the only member. It is started again where it ended.
is_alone() {
  is_healthy_or_fails || return 1
  list_by_client "${OWN_CLIENT_URLS%%,*}" && ((${#IDS[@]} == 1))
}

alone_step() {
  [[ -z ${STEP_BEGAN[alone]-} ]] || start_etcd_step
  HEALTH_BEGAN=$SECONDS
  within "$WAIT" "etcd did not become a cluster of one" is_alone
}

# The file is as it was before: with the flag each start would make a cluster of one again.
drop_force_step() {
  put_back_changed
  keep CHANGED ''
  find_layout
  [[ ${FOUND[force-new-cluster]-false} == false ]] || refuse 6 "--force-new-cluster is still in ${FOUND_IN[force-new-cluster]}" "take it out by hand, then run $AGAIN again"
}

describe_force_step() {
  case $1 in
    others-stopped) say "wait until nothing answers at ${OTHER_PEERS:-the others}" ;;
    keep-copy) if [[ -n $NO_COPY ]]; then say "nothing: --no-copy"; else say "cp -a $DATA_DIR/member $DATA_DIR/member.before-TIME"; fi ;;
    put-force) say "--force-new-cluster in $LAYOUT_FROM or its variables" ;;
    start-forced) describe_service start-etcd ;;
    alone) say "wait until etcd is healthy, and member list has this one alone" ;;
    stop-forced) describe_service stop-etcd ;;
    drop-force) say "--force-new-cluster out again: the files as they were" ;;
  esac
}
