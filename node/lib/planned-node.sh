# shellcheck shell=bash
# Which member of the plan this node is, and whether it may be restored here.

# find_node: sets the names above, NUMBER (of the member in the plan) and what etcdctl needs. Refuses where the node is none for this plan.
find_node() {
  local number names=''
  find_layout
  MEMBER=$MEMBER_OPTION MEMBER_FROM=--member
  [[ -n $MEMBER ]] || { MEMBER=${FOUND[name]-} MEMBER_FROM=$LAYOUT_FROM; }
  [[ -n $MEMBER || ${PLAN[MEMBERS]} != 1 ]] || { MEMBER=${PLAN[MEMBER_1_NAME]} MEMBER_FROM='the only one in the plan'; }
  NUMBER=0
  for ((number = 1; number <= PLAN[MEMBERS]; number++)); do
    names+=" ${PLAN[MEMBER_${number}_NAME]}"
    [[ $MEMBER != "${PLAN[MEMBER_${number}_NAME]}" ]] || NUMBER=$number
  done
  ((NUMBER > 0)) || refuse 2 "which member this node is to be is not known (${MEMBER:-no name found})" "give --member NAME: one of$names"
  PLANNED_LAYOUT=${PLAN[MEMBER_${NUMBER}_LAYOUT]} PLANNED_SERVICE=${PLAN[MEMBER_${NUMBER}_SERVICE]-}
  [[ $PLANNED_LAYOUT != auto ]] || PLANNED_LAYOUT=
  [[ -z $PLANNED_LAYOUT$PLANNED_SERVICE ]] || find_layout
  [[ -n $DATA_OPTION ]] && DATA_DIR=$DATA_OPTION DATA_FROM=--data-dir
  [[ -n $DATA_DIR ]] || { DATA_DIR=${PLAN[MEMBER_${NUMBER}_DATA_DIR]-} DATA_FROM='the plan'; }
  [[ -n $DATA_DIR ]] || { DATA_DIR=${FOUND[data-dir]-} DATA_FROM=$LAYOUT_FROM; }
  is_path "$DATA_DIR" || refuse 2 "the data directory is not known" "give --data-dir DIR"
  DATA_DIR=$ROOT$DATA_DIR
  OWN_PEER_URLS=${PLAN[MEMBER_${NUMBER}_PEER_URLS]} OWN_CLIENT_URLS=${PLAN[MEMBER_${NUMBER}_CLIENT_URLS]}
  CLUSTER_MINOR=${PLAN[ETCD_MINOR]} COMPARE_AT=${PLAN[REVISION_AFTER]}
  check_data_dir
  check_node_etcd
}

# Data of a newer minor never starts under an older etcd.
check_node_etcd() {
  find_minor
  if [[ -z ${FOUND[minor]-} ]]; then
    warn "the version of this node's etcd is not known; it must be ${PLAN[ETCD_MINOR]} or later"
  elif ((${FOUND[minor]#3.} < ${PLAN[ETCD_MINOR]#3.})); then
    refuse 6 "the snapshot is of etcd ${PLAN[ETCD_MINOR]}, and this node has ${FOUND[minor]}, which cannot run on it" "install etcd ${PLAN[ETCD_MINOR]} on every node first"
  fi
}

# A database that is larger than the quota raises NOSPACE at the first write. One that had raised it may be smaller, by less than the largest request (etcd's own: 1.5 MiB): it would raise it again.
check_quota() {
  local quota=${FOUND[quota-backend-bytes]-} room=0 state="has ${PLAN[SNAPSHOT_BYTES]} bytes"
  if [[ " ${PLAN[ALARMS]-} " == *' NOSPACE '* ]]; then room=1572864 state+=" and was out of space"; fi
  [[ -n $quota || $LAYOUT != bare ]] || {
    ((room == 0)) || warn "which quota etcd has here is not known: --quota-backend-bytes must be above ${PLAN[SNAPSHOT_BYTES]}"
    return 0
  }
  # etcd's own: 0 is 2 GiB, and below 0 is none.
  [[ -n $quota && $quota != 0 ]] || quota=2147483648
  [[ $quota =~ ^[1-9][0-9]{0,17}$ ]] || return 0
  ((PLAN[SNAPSHOT_BYTES] + room < quota)) ||
    refuse 6 "the snapshot's database $state, and etcd's quota here is $quota (${FOUND_IN[quota-backend-bytes]:-its default}): it would take no write" \
      "put a larger --quota-backend-bytes there, on every node; then run this again. Defragment once the cluster is back: etcdctl defrag"
}
