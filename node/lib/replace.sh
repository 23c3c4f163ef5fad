# shellcheck shell=bash
# replace: this node's member leaves the cluster, and comes back clean.

readonly REPLACE_STEPS='stop-etcd remove-member set-aside add-learner configure start-etcd promote health compare disarm-removed'

# check_replace: refuses whatever would not bring one member back, or would take the quorum from the others. Sets OLD_ID and OTHERS.
check_replace() {
  local id
  find_own_member
  # shellcheck disable=SC2046 # words
  read_cluster $(client_candidates) || refuse 3 "no member of the cluster answers" "give --endpoints URL of a healthy member; without a quorum nothing is replaced: docs/runbook.md, \"Quorum lost\""
  ask_members
  find_minor_of_cluster
  find_old_member
  check_not_healthy
  check_quorum_of_others
  for id in "${IDS[@]}"; do
    [[ $id == "$OLD_ID" ]] || ! has_corrupt "$id" || refuse 6 "$(title_of "$id") has the alarm CORRUPT" "find out which members hold the right data: member.sh status"
  done
  check_minor
  need_space "$DATA_DIR" $((LARGEST_BYTES + 200 * 1024 * 1024)) "for what the others send" "--data-dir"
}

# find_old_member: sets OLD_ID to the member that goes: the one that is named, or that has this node's peer address; empty where the cluster knows none.
find_old_member() {
  local id by_peer='' by_name=''
  OLD_ID=$REMOVE_OPTION
  for id in "${IDS[@]}"; do
    [[ ,${PEERS_OF[$id]}, != *",${OWN_PEER_URLS%%,*},"* ]] || by_peer=$id
    [[ ${NAME_OF[$id]} != "$MEMBER" ]] || by_name=$id
  done
  if [[ -n $OLD_ID ]]; then
    [[ -n ${PEERS_OF[$OLD_ID]-} ]] || refuse 2 "the cluster has no member $OLD_ID" "its members: $(titles)"
    [[ -z $by_peer || $by_peer == "$OLD_ID" ]] || refuse 6 "the cluster has $(title_of "$by_peer") at this node's peer address already" "take --remove $by_peer, or another machine"
    return 0
  fi
  OLD_ID=$by_peer
  if [[ -n $by_peer ]]; then
    [[ -z ${NAME_OF[$by_peer]} || ${NAME_OF[$by_peer]} == "$MEMBER" ]] ||
      refuse 6 "the cluster calls the member at ${OWN_PEER_URLS%%,*} ${NAME_OF[$by_peer]}, and this node would be $MEMBER ($MEMBER_FROM)" "is this the right node? If it is, give --remove $by_peer"
  elif [[ -n $by_name ]]; then
    refuse 6 "the cluster has $MEMBER at ${PEERS_OF[$by_name]}, and this node would be at $OWN_PEER_URLS" "is this the right node? If it takes that one's place, give --remove $by_name"
  fi
}

titles() {
  local id all=
  for id in "${IDS[@]}"; do all+=", $(title_of "$id")"; done
  printf '%s' "${all#, }"
}

check_not_healthy() {
  [[ -n $OLD_ID && -z $EVEN_IF_HEALTHY ]] || return 0
  is_up "$OLD_ID" || return 0
  ! has_corrupt "$OLD_ID" || return 0
  ! is_healthy_at "${CLIENTS_OF[$OLD_ID]%%,*}" ||
    refuse 6 "$(title_of "$OLD_ID") is healthy: there is nothing to replace" "is this the right node? Run this on the node whose member failed. --even-if-healthy does it all the same"
}

# check_quorum_of_others: with this member, and without it. Sets OTHERS to the client addresses of those that are healthy, and LARGEST_BYTES.
check_quorum_of_others() {
  local id voters=0 healthy=0 left need bytes
  OTHERS='' LARGEST_BYTES=0
  for id in "${IDS[@]}"; do
    if [[ ${IS_LEARNER[$id]} == true ]]; then
      [[ $id == "$OLD_ID" ]] || refuse 6 "$(title_of "$id") is a learner, and the cluster takes one at a time" "wait until it votes, or remove it: etcdctl member remove $id"
      continue
    fi
    voters=$((voters + 1))
    [[ $id != "$OLD_ID" ]] || continue
    is_up "$id" || continue
    is_healthy_at "${CLIENTS_OF[$id]%%,*}" || continue
    healthy=$((healthy + 1))
    OTHERS+=" ${CLIENTS_OF[$id]%%,*}"
    bytes=${BYTES_OF[$id]}
    ((bytes <= LARGEST_BYTES)) || LARGEST_BYTES=$bytes
  done
  left=$voters
  [[ -z $OLD_ID || ${IS_LEARNER[$OLD_ID]} == true ]] || left=$((voters - 1))
  ((left > 0)) || refuse 2 "there is no other member" "a cluster of one is restored from a backup, or rebuilt: docs/runbook.md, \"Endless restart\""
  need=$((voters / 2 + 1))
  ((healthy >= need)) ||
    refuse 3 "$healthy of the other members are healthy, and a quorum of $voters is $need: the cluster can remove and add nobody" "bring back etcd on the others; where they are lost for good: docs/runbook.md, \"Quorum lost\""
}

# A member of an older minor cannot join.
check_minor() {
  [[ -n ${FOUND[minor]-} ]] || { warn "the version of this node's etcd is not known; it must be $CLUSTER_MINOR"; return 0; }
  ((${FOUND[minor]#3.} >= ${CLUSTER_MINOR#3.})) || refuse 6 "the cluster runs etcd $CLUSTER_MINOR, and this node has ${FOUND[minor]}" "install etcd $CLUSTER_MINOR here first"
}

keep_replace() {
  keep OLD_ID "${OLD_ID:-none}"
  keep OTHERS "${OTHERS# }"
  keep CLUSTER_MINOR "$CLUSTER_MINOR"
}

# find_join_at: the first of the others that works.
find_join_at() {
  local url
  JOIN_AT=
  for url in ${KEPT[OTHERS]}; do
    port_answers "$url" || continue
    is_healthy_at "$url" || continue
    JOIN_AT=$url
    [[ ${KEPT[JOIN_AT]-} == "$url" ]] || keep JOIN_AT "$url"
    return 0
  done
  return 1
}

remove_member_step() {
  [[ ${KEPT[OLD_ID]} != none ]] || return 0
  need_join_at
  REASON_IN=$SCRATCH/members.err
  within "$WAIT" "the cluster did not remove ${KEPT[OLD_ID]}" is_removed
  REASON_IN=
}

# is_removed: soon after a member started, or while a leader is elected, a cluster calls itself unhealthy, and removes none.
is_removed() {
  list_by_client "$JOIN_AT" || { find_join_at; return 1; }
  [[ -n ${PEERS_OF[${KEPT[OLD_ID]}]-} ]] || return 0
  etcdctl_at "$JOIN_AT" member remove "${KEPT[OLD_ID]}" >/dev/null 2>"$SCRATCH/members.err"
}

# find_compared: the members that vote and answer; this one first.
find_compared() {
  local id
  need_join_at
  list_by_client "$JOIN_AT" || refuse 3 "members cannot be listed: $(why "$SCRATCH/members.err")" "run $AGAIN again"
  COMPARE_NOW=yes COMPARED=" $MEMBER=${OWN_CLIENT_URLS%%,*}"
  for id in "${IDS[@]}"; do
    [[ ${IS_LEARNER[$id]} != true && ,${PEERS_OF[$id]}, != *",${OWN_PEER_URLS%%,*},"* ]] || continue
    if [[ -n ${CLIENTS_OF[$id]} ]] && port_answers "${CLIENTS_OF[$id]%%,*}"; then
      COMPARED+=" ${NAME_OF[$id]}=${CLIENTS_OF[$id]%%,*}"
    else
      warn "$(title_of "$id") does not answer, and is not compared"
    fi
  done
}

# The alarm CORRUPT of a member stays when that is gone, and etcd answers no read and no write meanwhile.
disarm_removed_step() {
  local line listed=''
  [[ ${KEPT[OLD_ID]} != none ]] || return 0
  etcdctl_at "$OWN_CLIENT_URLS" alarm list >"$SCRATCH/alarms" 2>"$SCRATCH/alarm.err" || refuse 3 "alarms cannot be listed: $(why "$SCRATCH/alarm.err")" "run $AGAIN again; give --cert and --key of root where the cluster has auth"
  while IFS= read -r line; do
    [[ ! $line =~ ^memberID:$(decimal_of "${KEPT[OLD_ID]}")\  ]] || listed=$line
    [[ $line =~ ^memberID:$(decimal_of "${KEPT[OLD_ID]}")\  ]] || { warn "an alarm that is not of the member that was removed: $line"; return 0; }
  done <"$SCRATCH/alarms"
  [[ -n $listed ]] || return 0
  etcdctl_at "$OWN_CLIENT_URLS" alarm disarm >/dev/null 2>"$SCRATCH/alarm.err" || refuse 3 "the alarm of the member that was removed cannot be disarmed: $(why "$SCRATCH/alarm.err")" "run $AGAIN again"
  note "disarmed ${listed% }: that member is gone"
}

describe_replace_step() {
  case $1 in
    remove-member) if [[ ${KEPT[OLD_ID]-$OLD_ID} =~ ^(none|)$ ]]; then say "nothing: the cluster does not know this member"; else say "etcdctl member remove ${KEPT[OLD_ID]-$OLD_ID}"; fi ;;
    set-aside) say "mv $DATA_DIR/member $DATA_DIR/member.before-TIME" ;;
    add-learner) say "etcdctl member add $MEMBER --learner --peer-urls=$OWN_PEER_URLS" ;;
    promote) say "etcdctl member promote, once this member has what the others have" ;;
    disarm-removed) say "etcdctl alarm disarm, where the only alarms are of the member that was removed" ;;
    compare) say "etcdctl endpoint hashkv at this member's revision, on each member that answers: all equal" ;;
  esac
}

say_replaced() {
  # Compared by a run before, perhaps, which was killed.
  say "done: $MEMBER is a voting member again; ${AGREED_COUNT:-all} member(s) agree on hash ${AGREED:-checked before}"
}

# take_back_replace: this member is out of the cluster again, and what was there before is back, though etcd takes it no more once its member was removed.
take_back_replace() {
  leave_cluster
  stop_etcd
  put_back_data
  put_back_changed
  settle "$DATA_DIR"
  if [[ ${KEPT[OLD_ID]} != none && -n ${STEP_BEGAN[remove-member]-} ]] && ! is_still_listed; then
    note "etcd is not started: the cluster removed member ${KEPT[OLD_ID]} for good. member.sh replace brings a clean one back"
    [[ $LAYOUT != static-pod ]] || note "its manifest is $STATE/manifests/etcd.yaml"
  else
    start_what_ran
  fi
}

# is_still_listed: whether the cluster says that it has the old member. Where nobody answers it may have none.
is_still_listed() {
  [[ -z ${STEP_ENDED[remove-member]-} ]] || return 1
  find_join_at && list_by_client "$JOIN_AT" && [[ -n ${PEERS_OF[${KEPT[OLD_ID]}]-} ]]
}
