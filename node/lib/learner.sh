# shellcheck shell=bash
# A member that comes clean into a cluster that runs: a learner until it has what the others have.

JOIN_AT=

# read_members_listed URL: sets LISTED_URLS ("name=url,..." of all, for --initial-cluster), and OWN_ID, OWN_STATUS, OWN_LEARNER of the one with this node's peer address; those are empty where there is none.
read_members_listed() {
  local line url peers
  local -a fields
  LISTED_URLS='' OWN_ID='' OWN_STATUS='' OWN_LEARNER=''
  etcdctl_at "$1" member list >"$SCRATCH/members" 2>"$SCRATCH/members.err" || return 1
  while IFS= read -r line; do
    # ID, status, name, peers, clients, learner; names and addresses may be empty, and have no blanks.
    IFS='|' read -r -a fields < <(printf '%s\n' "${line//, /|}")
    peers=${fields[3]-}
    if [[ ,$peers, == *",${OWN_PEER_URLS%%,*},"* ]]; then
      OWN_ID=${fields[0]} OWN_STATUS=${fields[1]} OWN_LEARNER=${fields[5]-}
      fields[2]=$MEMBER
    fi
    # One that never started has said no name yet.
    for url in ${peers//,/ }; do LISTED_URLS+=",${fields[2]:-${fields[0]}}=$url"; done
  done <"$SCRATCH/members"
  LISTED_URLS=${LISTED_URLS#,}
}

# add_learner: whether the cluster has taken this member. Another learner, or a leader that is new, makes it wait.
add_learner() {
  read_members_listed "$JOIN_AT" || return 1
  if [[ -n $OWN_ID ]]; then
    [[ $OWN_STATUS == unstarted && $OWN_LEARNER == true ]] ||
      refuse 6 "the cluster has a member $OWN_ID at this node's peer address already" "look at it; remove it on another node (etcdctl member remove $OWN_ID), then run this again"
    return 0
  fi
  etcdctl_at "$JOIN_AT" member add "$MEMBER" --learner --peer-urls="$OWN_PEER_URLS" >/dev/null 2>"$SCRATCH/members.err" || return 1
  read_members_listed "$JOIN_AT" && [[ -n $OWN_ID ]]
}

add_learner_step() {
  need_join_at
  # For a rollback, which may have no other: it takes this member out again.
  cp -- "$ETCDCTL" "$STATE/etcdctl.new" && mv -T -- "$STATE/etcdctl.new" "$STATE/etcdctl"
  keep CACERT "$CACERT"
  keep CERT "$CERT"
  keep KEY "$KEY"
  keep PEER_URL "${OWN_PEER_URLS%%,*}"
  REASON_IN=$SCRATCH/members.err
  within "$WAIT" "the cluster did not take this member" add_learner
  REASON_IN=
  keep MEMBER_ID "$OWN_ID"
  keep JOIN_CLUSTER "$LISTED_URLS"
}

# find_join_at: of the script: sets JOIN_AT to the client address of a member to join at.
need_join_at() { [[ -n $JOIN_AT ]] || within "$WAIT" "$NOBODY_TO_JOIN" find_join_at; }

promote_step() {
  need_join_at
  REASON_IN=$SCRATCH/members.err
  within "$WAIT" "this member did not catch up with the others" is_promoted
  REASON_IN=
}

# etcd refuses to promote a learner that is behind.
is_promoted() {
  read_members_listed "$JOIN_AT" || return 1
  [[ $OWN_STATUS == started ]] || return 1
  [[ $OWN_LEARNER != false ]] || return 0
  etcdctl_at "$JOIN_AT" member promote "$OWN_ID" >/dev/null 2>"$SCRATCH/members.err"
}

# leave_cluster: for a rollback of a member that joined, while its etcd may still run. Where the others are rolled back too there is nobody left to tell.
leave_cluster() {
  local id=${KEPT[MEMBER_ID]-}
  [[ -n ${KEPT[PEER_URL]-} && -x $STATE/etcdctl ]] || return 0
  ETCDCTL=$STATE/etcdctl CACERT=${KEPT[CACERT]-} CERT=${KEPT[CERT]-} KEY=${KEPT[KEY]-}
  # Soon after a member started a cluster calls itself unhealthy, and removes none.
  local end=$((SECONDS + 20))
  while port_answers "${KEPT[JOIN_AT]}"; do
    # Killed before anybody wrote down which it is: a learner at this node's address that never started.
    if [[ -z $id ]] && etcdctl_at "${KEPT[JOIN_AT]}" member list >"$STATE/members" 2>/dev/null; then
      id=$(while IFS= read -r line; do [[ $line != *', unstarted, '*", ${KEPT[PEER_URL]},"*', true' ]] || printf '%s' "${line%%,*}"; done <"$STATE/members")
      [[ -n $id ]] || return 0
    fi
    if [[ -n $id ]]; then
      ! etcdctl_at "${KEPT[JOIN_AT]}" member remove "$id" >/dev/null 2>"$STATE/remove.err" || return 0
      [[ $(head -c 2000 "$STATE/remove.err") != *'not found'* ]] || return 0
    fi
    ((SECONDS < end)) || break
    sleep 0.2
  done
  warn "the cluster may still list this member; unless the others are rolled back too: etcdctl member list, and etcdctl member remove ${id:-ID}"
}
