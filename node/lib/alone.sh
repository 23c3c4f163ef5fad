# shellcheck shell=bash
# What force-new-cluster and rebuild have in common: the quorum is lost, and this node goes on without the others.

# check_no_quorum: refuses while anybody answers with a leader. Sets OTHER_PEERS to NAME=URL of each peer address of the others, as far as this node knows them.
check_no_quorum() {
  local id url
  OTHER_PEERS=
  # shellcheck disable=SC2046 # words
  if read_cluster $(client_candidates); then
    ask_members
    for id in "${IDS[@]}"; do
      ! is_up "$id" || ! is_healthy_at "${CLIENTS_OF[$id]%%,*}" ||
        refuse 6 "the cluster has a quorum: $(title_of "$id") is healthy" "replace this member: member.sh replace"
    done
    find_others_listed
  else
    for url in ${FOUND[initial-cluster]//,/ }; do
      [[ $url == *=http* && ,$OWN_PEER_URLS, != *",${url#*=},"* ]] || continue
      OTHER_PEERS+=" $url"
    done
  fi
  OTHER_PEERS=${OTHER_PEERS# }
  [[ -n $OTHER_PEERS ]] || warn "which other members there are is not known here: see that none of them runs, on whatever node"
}

find_others_listed() {
  local id url
  for id in "${IDS[@]}"; do
    if [[ ,${PEERS_OF[$id]}, == *",${OWN_PEER_URLS%%,*},"* ]]; then
      [[ ${IS_LEARNER[$id]} != true ]] || refuse 6 "$(title_of "$id") is a learner: it may lack what the others had" "do this on a member that voted"
      continue
    fi
    for url in ${PEERS_OF[$id]//,/ }; do OTHER_PEERS+=" ${NAME_OF[$id]:-$id}=$url"; done
  done
}

keep_alone() {
  keep OTHER_PEERS "${OTHER_PEERS:-none}"
  keep CLUSTER_MINOR "${FOUND[minor]-3.5}"
}

# One that still runs would be of another opinion about who is a member, and takes writes again once it hears of a second one of its kind.
others_stopped_step() {
  local end=$((SECONDS + WAIT)) said=
  until others_are_stopped; do
    [[ $said == "$STILL" ]] || note "waiting: $STILL still answers"
    said=$STILL
    ((SECONDS < end)) || refuse 3 "$STILL still answers" "stop etcd there, so that it stays stopped; then run $AGAIN again, or rollback"
    sleep 0.2
  done
}

# others_are_stopped: whether nothing takes connections at their peers' addresses. Sets STILL to one that does.
others_are_stopped() {
  local pair
  for pair in ${KEPT[OTHER_PEERS]/#none/}; do
    port_answers "${pair#*=}" || continue
    STILL="${pair%%=*} at ${pair#*=}"
    return 1
  done
}

# find_compared: this member is the only one.
find_compared_alone() { COMPARED=" $MEMBER=${OWN_CLIENT_URLS%%,*}" COMPARE_NOW=yes; }

say_alone() {
  local pair
  say "done: $MEMBER is a cluster of one, at revision $(revision_now)"
  say "next: member.sh replace on each of the others, one after the other"
  for pair in ${KEPT[OTHER_PEERS]/#none/}; do say "next:   ${pair%%=*} (it was at ${pair#*=})"; done
  say "next: restart API servers, controllers, schedulers and kubelets on every node: they hold what they saw before"
  say "next: take a backup"
}

revision_now() {
  status_of "${OWN_CLIENT_URLS%%,*}"
  printf '%s' "${STATUS_REVISION:-unknown}"
}

# refuse_when_joined: a rollback would leave the others with what it takes away.
refuse_when_joined() {
  local others=0 id
  if port_answers "${OWN_CLIENT_URLS%%,*}" && list_by_client "${OWN_CLIENT_URLS%%,*}"; then
    for id in "${IDS[@]}"; do others=$((others + 1)); done
  fi
  ((others < 2)) || refuse 6 "other members have joined since: a rollback would take the cluster from them" "what was there before is $(old_member)"
}

take_back_alone() {
  stop_api_server
  stop_etcd
  # Before etcd was started with the flag the original still stands: the copy is what goes.
  [[ ${KEPT[REPAIR]} != force-new-cluster || -n ${STEP_BEGAN[start-forced]-} ]] || rm -rf -- "$(old_member)"
  put_back_data
  put_back_changed
  settle "$DATA_DIR"
  start_what_ran
  start_api_server
}
