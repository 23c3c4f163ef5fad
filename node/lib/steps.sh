# shellcheck shell=bash
# The steps of apply, in order, and those of apply --join. Each may be begun again after it was killed anywhere: it looks at what is there. What a step has done, rollback takes back.

readonly STEPS='decrypt restore stop-api-server stop-etcd old-members swap configure start-etcd health disarm compare start-api-server'
readonly JOIN_STEPS='stop-api-server stop-etcd await-cluster add-learner set-aside configure start-etcd promote health compare start-api-server'

run_step() {
  case $1 in
    decrypt) decrypt_step ;;
    restore) restore_step ;;
    stop-api-server) stop_api_server ;;
    stop-etcd) stop_etcd ;;
    old-members) old_members_step ;;
    swap) swap_step ;;
    configure) configure_step ;;
    start-etcd) start_etcd_step ;;
    await-cluster) await_cluster_step ;;
    add-learner) add_learner_step ;;
    set-aside) set_aside_step ;;
    promote) promote_step ;;
    health) health_step ;;
    disarm) disarm_step ;;
    compare) compare_step ;;
    start-api-server) start_api_server ;;
  esac
}

# describe_step STEP: the commands that it runs.
describe_step() {
  local stage database
  stage=$(stage)
  database="$stage/snapshot.db"
  case $1 in
    decrypt) say "mkdir -m 700 $stage; age -d -i <(the snapshot's identity) $PAYLOAD | unzstd > $database" ;;
    restore)
      restore_command "$stage"
      say "${RESTORE_COMMAND[*]}"
      say "rm $database; chown, chmod and chcon as $DATA_DIR/member"
      ;;
    stop-api-server | start-api-server | stop-etcd | start-etcd) describe_service "$1" ;;
    old-members) say "wait until no old member answers at ${PLAN[INITIAL_CLUSTER]}" ;;
    swap) say "mv $DATA_DIR/member $DATA_DIR/member.before-TIME; mv $stage/data/member $DATA_DIR/member" ;;
    configure) describe_configure ;;
    await-cluster) say "wait until another member of the plan answers with revision ${PLAN[REVISION_AFTER]} or more: none but a restored one does" ;;
    add-learner) say "etcdctl member add $MEMBER --learner --peer-urls=${PLAN[MEMBER_${NUMBER}_PEER_URLS]}" ;;
    set-aside) say "mv $DATA_DIR/member $DATA_DIR/member.before-TIME" ;;
    promote) say "etcdctl member promote, once this member has what the others have" ;;
    health) say "etcdctl --endpoints $OWN_CLIENT_URLS endpoint health" ;;
    disarm) if [[ " ${PLAN[ALARMS]-} " == *' NOSPACE '* ]]; then say "etcdctl alarm disarm (NOSPACE is in the snapshot)"; else say "nothing: the snapshot has no alarm"; fi ;;
    compare)
      case $WAY in
        first) say "etcdctl endpoint hashkv --rev ${PLAN[REVISION_AFTER]} on this member" ;;
        join) say "etcdctl endpoint hashkv at this member's revision, on each member that is there: all equal" ;;
        *) say "etcdctl endpoint hashkv --rev ${PLAN[REVISION_AFTER]} on each member: all equal" ;;
      esac
      ;;
  esac
}

decrypt_step() {
  local stage free=$((PLAN[SNAPSHOT_BYTES] * 2 + 200 * 1024 * 1024))
  stage=$(stage)
  rm -rf -- "$stage"
  # The snapshot, and the database that is restored from it, with its first log file.
  need_space "$DATA_DIR" "$free" "for the snapshot and what is restored from it" "--data-dir"
  mkdir -m 700 -- "$stage" || refuse 5 "$DATA_DIR cannot be written to" "run this as root; look whether it is mounted read-only"
  write_for_etcdutl "$stage/snapshot.db"
}

# restore_command STAGE: sets RESTORE_COMMAND.
restore_command() {
  RESTORE_COMMAND=("$UNPACKED/bin/etcdutl" snapshot restore "$1/snapshot.db" --data-dir "$1/data" --name "$MEMBER"
    --initial-cluster "$(restored_members)" --initial-cluster-token "${PLAN[TOKEN]}"
    --initial-advertise-peer-urls "${PLAN[MEMBER_${NUMBER}_PEER_URLS]}")
  [[ -n $AS_IT_WAS ]] || RESTORE_COMMAND+=(--bump-revision "${PLAN[BUMP_REVISION]}" --mark-compacted)
}

# restored_members: for --initial-cluster.
restored_members() {
  local url members=
  [[ $WAY == first ]] || { printf '%s' "${PLAN[INITIAL_CLUSTER]}"; return 0; }
  for url in ${PLAN[MEMBER_${NUMBER}_PEER_URLS]//,/ }; do members+=",$MEMBER=$url"; done
  printf '%s' "${members#,}"
}

restore_step() {
  restore_database
  keep CLUSTER_ID "$RESTORED_ID"
  give_to_etcd "$(stage)"
}

# restore_database: etcdutl makes a member of the plain snapshot, both in the stage. Sets RESTORED_ID to the new cluster's id.
restore_database() {
  local stage line
  stage=$(stage) RESTORED_ID=
  rm -rf -- "$stage/data"
  [[ -f $stage/snapshot.db ]] || decrypt_step
  restore_command "$stage"
  # Its hash check is on: the database against its trailer, which is the signed one.
  env -i PATH="$PATH" "${RESTORE_COMMAND[@]}" >"$SCRATCH/restore.log" 2>&1 || {
    # So that the next apply decrypts anew: the disk may have given back other bytes than it took.
    rm -rf -- "$stage"
    refuse 4 "etcdutl did not restore the snapshot: $(why "$SCRATCH/restore.log")" "look for space and at the disk, then run apply again; if that does not help, run rollback and take another snapshot"
  }
  while IFS= read -r line; do
    [[ ! $line =~ \"cluster-id\":\ *\"([0-9a-f]+)\" ]] || RESTORED_ID=${BASH_REMATCH[1]}
  done <"$SCRATCH/restore.log"
  [[ -n $RESTORED_ID ]] || refuse 1 "etcdutl did not say the new cluster's id" "run rollback; report this"
}

old_members_step() {
  local end=$((SECONDS + WAIT)) said=
  until old_members_are_gone; do
    [[ $said == "$STILL" ]] || note "waiting: $STILL still answers as a member of before, or does not say of which cluster it is"
    said=$STILL
    ((SECONDS < end)) || refuse 3 "$STILL still answers" "stop etcd there, or run apply there too; then run apply here again, or rollback"
    sleep 0.2
  done
}

# find_compared: sets COMPARED to NAME=URL of each member that must have one hash.
find_compared() {
  local number listed
  COMPARED=
  if [[ $WAY == first ]]; then
    COMPARED=$MEMBER=${OWN_CLIENT_URLS%%,*}
    return 0
  fi
  if [[ $WAY == join ]]; then
    COMPARE_NOW=yes
    etcdctl_at "$OWN_CLIENT_URLS" member list >"$SCRATCH/members" 2>"$SCRATCH/members.err" || refuse 3 "members cannot be listed: $(why "$SCRATCH/members.err")" "run apply again"
  fi
  for ((number = 1; number <= PLAN[MEMBERS]; number++)); do
    if [[ $WAY == join ]]; then
      # Those that are still to come are not.
      listed=$(while IFS= read -r line; do [[ $line != *', started, '*", ${PLAN[MEMBER_${number}_PEER_URLS]%%,*},"*', false' ]] || printf yes; done <"$SCRATCH/members")
      [[ -n $listed ]] || continue
    fi
    # One address each: several would be several answers.
    COMPARED+=" ${PLAN[MEMBER_${number}_NAME]}=${PLAN[MEMBER_${number}_CLIENT_URLS]%%,*}"
  done
}
