# shellcheck shell=bash
# apply --join: this member comes clean into the cluster that another node restored with apply --first. It is a learner until it has what the others have.

# find_join_at: sets JOIN_AT to the client address of a member that was restored by this plan. It is known by its revision: the bump begins above every revision that the cluster ever had (docs/format.md, "The bump").
find_join_at() {
  local number url
  JOIN_AT=
  for ((number = 1; number <= PLAN[MEMBERS]; number++)); do
    [[ $number != "$NUMBER" ]] || continue
    url=${PLAN[MEMBER_${number}_CLIENT_URLS]%%,*}
    port_answers "$url" || continue
    status_of "$url"
    [[ -n $STATUS_REVISION ]] || continue
    ((STATUS_REVISION >= PLAN[REVISION_AFTER])) || continue
    JOIN_AT=$url
    return 0
  done
  return 1
}

await_cluster_step() {
  within "$WAIT" "no other member of the plan answers as one that was restored by it" find_join_at
  keep JOIN_AT "$JOIN_AT"
}

# old_members_are_gone: whether none of the other members answers its peers as one of another cluster than the restored one. Sets STILL to the address of one that does.
old_members_are_gone() {
  local number url id
  local -a urls
  for ((number = 1; number <= PLAN[MEMBERS]; number++)); do
    IFS=, read -r -a urls < <(printf '%s\n' "${PLAN[MEMBER_${number}_PEER_URLS]}")
    for url in "${urls[@]}"; do
      port_answers "$url" || continue
      id=$(cluster_at "$url")
      [[ -n $id && $id == "${KEPT[CLUSTER_ID]-}" && $number != "$NUMBER" ]] || {
        STILL="${PLAN[MEMBER_${number}_NAME]} at $url"
        return 1
      }
    done
  done
}
