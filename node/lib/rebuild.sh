# shellcheck shell=bash
# rebuild: a new member out of the database of one that ends at each start.

readonly REBUILD_STEPS='stop-api-server stop-etcd others-stopped copy-database restore-database swap configure start-etcd health disarm start-api-server'
# As restore bundles have it: above every revision that a client may have seen.
readonly BUMP=1000000000

check_rebuild() {
  find_own_member
  [[ -s $DATA_DIR/member/snap/db ]] || refuse 2 "there is no $DATA_DIR/member/snap/db" "restore a backup: docs/runbook.md, \"The cluster is dead\""
  find_programs etcdutl
  check_not_running
  check_no_quorum
  need_space "$DATA_DIR" $((2 * $(wc -c <"$DATA_DIR/member/snap/db") + 200 * 1024 * 1024)) "for the new member" "--data-dir"
  [[ -n $DRY_RUN$CONFIRMED ]] ||
    refuse 2 "rebuild takes $DATA_DIR/member/snap/db as it is: nothing tells whether it is whole, and what only the log has is lost" \
      "restore a backup where there is one that is new enough. Else: --yes-i-skip-the-hash-check"
}

# An etcd that runs, though without a quorum, has its log: that is more than its database. One that ends at each start opens it, too, each time as another process.
check_not_running() {
  local first end=$((SECONDS + 5))
  db_is_open || return 0
  first=$HOLDER
  while ((SECONDS < end)); do
    sleep 0.5
    db_is_open && [[ $HOLDER == "$first" ]] || return 0
  done
  refuse 6 "etcd runs here (process $first): this is no endless restart" "member.sh status; without a quorum force-new-cluster keeps more than rebuild"
}

copy_database_step() {
  local stage
  stage=$(stage)
  rm -rf -- "$stage"
  mkdir -m 700 -- "$stage" || refuse 5 "$DATA_DIR cannot be written to" "run this as root; look whether it is mounted read-only"
  copy "$DATA_DIR/member/snap/db" "$stage/snapshot.db"
  # It reads every page of the tree, and ends where one is damaged.
  "$ETCDUTL" snapshot status "$stage/snapshot.db" -w json >"$SCRATCH/status" 2>&1 ||
    refuse 4 "the database is damaged: $(why "$SCRATCH/status")" "restore a backup: docs/runbook.md, \"The cluster is dead\"; rollback brings back what was there"
}

rebuild_command() {
  local stage url cluster=
  stage=$(stage)
  for url in ${OWN_PEER_URLS//,/ }; do cluster+=",$MEMBER=$url"; done
  REBUILD_COMMAND=("$ETCDUTL" snapshot restore "$stage/snapshot.db" --skip-hash-check --data-dir "$stage/data" --name "$MEMBER"
    --initial-cluster "${cluster#,}" --initial-cluster-token "rebuilt-${KEPT[STAMP]-TIME}" --initial-advertise-peer-urls "$OWN_PEER_URLS"
    --bump-revision "$BUMP" --mark-compacted)
}

restore_database_step() {
  local stage
  stage=$(stage)
  [[ -f $stage/snapshot.db ]] || copy_database_step
  rm -rf -- "$stage/data"
  rebuild_command
  env -i PATH="$PATH" "${REBUILD_COMMAND[@]}" >"$SCRATCH/restore.log" 2>&1 ||
    refuse 4 "etcdutl made no member of the database: $(why "$SCRATCH/restore.log")" "look for space and at the disk, then run $AGAIN again, or rollback; etcdutl must be 3.5.10 or later"
  give_to_etcd "$stage"
}

describe_rebuild_step() {
  local stage
  stage=$(stage)
  case $1 in
    others-stopped) describe_force_step "$1" ;;
    copy-database) say "cp -a $DATA_DIR/member/snap/db $stage/snapshot.db; etcdutl snapshot status $stage/snapshot.db" ;;
    restore-database)
      rebuild_command
      say "${REBUILD_COMMAND[*]}"
      ;;
    swap) say "mv $DATA_DIR/member $DATA_DIR/member.before-TIME; mv $stage/data/member $DATA_DIR/member" ;;
    disarm) say "etcdctl alarm disarm, where NOSPACE is in the database" ;;
  esac
}
