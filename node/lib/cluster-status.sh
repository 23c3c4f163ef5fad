# shellcheck shell=bash disable=SC2119
# status: what the members say, what is wrong with that, and one word for it all.

run_cluster_status() {
  local id
  find_programs etcdctl
  make_scratch
  find_own_addresses
  find_certificates
  read_journal
  # shellcheck disable=SC2046 # words
  read_cluster $(client_candidates) || {
    [[ -n $OWN_PEER_URLS$ENDPOINTS_OPTION ]] || refuse 2 "no address of any member is known here" "give --endpoints URL,URL"
    say_repair
    say_data_here
    refuse 3 "no member answers" "is etcd running, on the other nodes too? Give --endpoints URL,URL of others if there are any; else docs/runbook.md, \"Quorum lost\""
  }
  ask_members
  count_voters
  PROBLEMS=()
  find_problems
  [[ -n $NO_HASH ]] || compare_members
  printf -v id '%x' "$CLUSTER_ID"
  say "cluster      $id, ${#IDS[@]} members, $VOTERS of them vote, quorum $QUORUM (listed by $LISTED_BY)"
  for id in "${IDS[@]}"; do say_listed_member "$id"; done
  [[ -n $NO_HASH ]] || say "agreement    $AGREEMENT"
  say_repair
  say_data_here
  say_verdict
}

# client_candidates: prints who to ask first.
client_candidates() {
  printf '%s\n' "${ENDPOINTS_OPTION//,/ }"
  [[ -z $OWN_CLIENT_URLS ]] || printf '%s\n' "${OWN_CLIENT_URLS%%,*}"
}

say_listed_member() {
  local id=$1 role=follower place
  place="$(title_of "$id") at ${CLIENTS_OF[$id]:-no address}"
  if [[ -z ${VERSION_OF[$id]-} ]]; then
    say "member       $place: DOES NOT ANSWER: ${WHY_NOT[$id]}"
    return 0
  fi
  [[ ${IS_LEARNER[$id]} != true ]] || role=learner
  [[ ${LEADER_OF[$id]} != "$(decimal_of "$id")" ]] || role=leader
  [[ ${LEADER_OF[$id]} != 0 ]] || role='NO LEADER'
  say "member       $place: $role, etcd ${VERSION_OF[$id]}, revision ${REVISION_OF[$id]}, term ${TERM_OF[$id]}, index ${INDEX_OF[$id]} (applied ${APPLIED_OF[$id]}), database ${BYTES_OF[$id]} bytes (in use ${IN_USE_OF[$id]})"
  [[ -z ${ERRORS_OF[$id]} ]] || say "             says: ${ERRORS_OF[$id]//$'\n'/ }"
}

# find_problems: PROBLEMS, a line each.
find_problems() {
  local id leader='' minor=''
  for id in "${IDS[@]}"; do
    if [[ -z ${VERSION_OF[$id]-} ]]; then
      PROBLEMS+=("$(title_of "$id") does not answer")
      continue
    fi
    [[ ${IS_LEARNER[$id]} != true ]] || PROBLEMS+=("$(title_of "$id") is a learner: it has no vote")
    [[ -z ${ERRORS_OF[$id]} ]] || PROBLEMS+=("$(title_of "$id") says: ${ERRORS_OF[$id]//$'\n'/ }")
    if [[ ${LEADER_OF[$id]} == 0 ]]; then
      PROBLEMS+=("$(title_of "$id") has no leader")
    elif [[ -n $leader && $leader != "${LEADER_OF[$id]}" ]]; then
      PROBLEMS+=("members name different leaders")
    else
      leader=${LEADER_OF[$id]}
    fi
    [[ -z $minor || ${VERSION_OF[$id]} == "$minor".* ]] || PROBLEMS+=("members run different versions of etcd")
    [[ ! ${VERSION_OF[$id]} =~ ^[0-9]+\.[0-9]+ ]] || minor=${BASH_REMATCH[0]}
  done
}

# compare_members: HashKV of those that vote and answer, one member at a time, at the oldest of their revisions. Sets AGREEMENT; what differs is a problem.
compare_members() {
  local try
  find_minor_of_cluster
  # A compaction may come between two answers, or pass the revision.
  for ((try = 0; try < 5; try++)); do
    ((try == 0)) || { sleep 0.5; ask_members; }
    ! hashes_compare || return 0
  done
  PROBLEMS+=("whether members hold the same is not known: $AGREEMENT")
}

# hashes_compare: whether an answer was had. Only hashes over the same revisions can be compared.
hashes_compare() {
  local id at='' count=0 first='' first_id='' revision
  AGREEMENT='nobody can be asked'
  for id in "${IDS[@]}"; do
    [[ -n ${VERSION_OF[$id]-} && ${IS_LEARNER[$id]} != true ]] || continue
    revision=${REVISION_OF[$id]}
    if [[ -z $at ]] || ((revision < at)); then at=$revision; fi
  done
  [[ -n $at ]] || return 0
  for id in "${IDS[@]}"; do
    [[ -n ${VERSION_OF[$id]-} && ${IS_LEARNER[$id]} != true ]] || continue
    hash_of "${CLIENTS_OF[$id]%%,*}" "$at"
    [[ -n $HASH ]] || { AGREEMENT="$(title_of "$id"): $(why "$SCRATCH/hashkv.err")"; return 1; }
    [[ -n $first ]] || first=$HASH first_id=$id
    [[ ${HASH#* } == "${first#* }" ]] || { AGREEMENT='members compacted meanwhile'; return 1; }
    if [[ $HASH != "$first" ]]; then
      AGREEMENT="DIFFERENT: $(title_of "$first_id") has ${first%% *} and $(title_of "$id") has ${HASH%% *} at revision $at"
      PROBLEMS+=("$(title_of "$first_id") and $(title_of "$id") hold different data")
      return 0
    fi
    count=$((count + 1))
  done
  AGREEMENT="$count member(s) have hash ${first%% *} at revision $at"
}

# say_repair: one that was begun on this node, and did not end.
say_repair() {
  [[ -n ${KEPT[REPAIR]-} && -z ${KEPT[DONE]-} && ${KEPT[ROLLBACK]-} != done ]] || return 0
  say "repair       ${KEPT[REPAIR]} was begun on this node and did not end: member.sh progress"
  PROBLEMS+=("a repair did not end on this node")
}

# say_data_here: how far the database of this node is, where no etcd has it open.
say_data_here() {
  local answer
  DATA_DIR=$ROOT${DATA_OPTION:-${FOUND[data-dir]-}}
  [[ -f $DATA_DIR/member/snap/db ]] && ! db_is_open || return 0
  answer=unknown
  if [[ -n $(program_path etcdutl) ]]; then
    find_programs etcdutl
    # It would wait without end for an etcd that starts meanwhile, which holds its database for itself.
    answer=$(timeout 30 "$ETCDUTL" snapshot status "$DATA_DIR/member/snap/db" -w json 2>/dev/null) || answer=
    ! db_is_open || return 0
    if [[ -n $answer ]]; then answer="revision $(number_in "$answer" revision)"; else answer='a revision that cannot be read'; fi
  fi
  say "data here    no etcd has $DATA_DIR open; its database ends at $answer, and its log may hold more"
}

say_verdict() {
  local problem
  for problem in ${PROBLEMS[@]+"${PROBLEMS[@]}"}; do say "problem      $problem"; done
  if ((UP < QUORUM)); then
    refuse 3 "NO QUORUM: $UP of $VOTERS voting members work, and $QUORUM are needed" "bring back etcd on the others; where they are lost for good: docs/runbook.md, \"Quorum lost\""
  fi
  ((${#PROBLEMS[@]} == 0)) || refuse 6 "DEGRADED: the cluster works, and ${#PROBLEMS[@]} of the above need a person" "docs/runbook.md, \"One member failed\""
  say "healthy"
}
