# shellcheck shell=bash
# What the members say of their cluster, asked one after the other.

# By id in hex; IDS in the order in which the cluster lists them.
declare -a IDS=()
declare -A NAME_OF=() PEERS_OF=() CLIENTS_OF=() IS_LEARNER=()
# Of a member that answers: what `endpoint status` says; else WHY_NOT.
declare -A VERSION_OF=() LEADER_OF=() REVISION_OF=() TERM_OF=() INDEX_OF=() APPLIED_OF=() BYTES_OF=() IN_USE_OF=() ERRORS_OF=() WHY_NOT=()
# By address: those that take connections and answer nothing, as an etcd does that was started without a quorum. Each question to them takes its time.
declare -A SILENT=()
CLUSTER_ID='' LISTED_BY=''

# read_cluster URLS...: lists the members, by the first of these client addresses that knows; else as a member tells its peers, which needs no quorum. False where nobody says.
read_cluster() {
  local url
  for url in "$@"; do
    port_answers "$url" || continue
    status_of "$url"
    [[ -n $STATUS_ANSWER ]] || SILENT[$url]=yes
    [[ -n $STATUS_REVISION ]] && list_by_client "$url" && LISTED_BY=$url && return 0
  done
  for url in $(peers_known); do
    port_answers "$url" && list_by_peer "$url" && LISTED_BY=$url && return 0
  done
  return 1
}

# peers_known: prints the peer addresses that this node's configuration names, and those of the members listed.
peers_known() {
  local pair
  printf '%s\n' "${OWN_PEER_URLS//,/ }"
  for pair in $(set -f && printf '%s\n' "${FOUND[initial-cluster]-}" | tr ',' '\n'); do
    are_urls "${pair#*=}" && printf '%s\n' "${pair#*=}"
  done
}

forget_cluster() {
  IDS=() NAME_OF=() PEERS_OF=() CLIENTS_OF=() IS_LEARNER=()
}

list_by_client() {
  local line
  local -a fields
  etcdctl_at "$1" member list >"$SCRATCH/members" 2>"$SCRATCH/members.err" || return 1
  forget_cluster
  while IFS= read -r line; do
    IFS='|' read -r -a fields < <(printf '%s\n' "${line//, /|}")
    is_member_id "${fields[0]-}" || return 1
    add_listed "${fields[0]}" "${fields[2]-}" "${fields[3]-}" "${fields[4]-}" "${fields[5]:-false}"
  done <"$SCRATCH/members"
  ((${#IDS[@]} > 0))
}

# add_listed ID NAME PEERS CLIENTS LEARNER
add_listed() {
  IDS+=("$1")
  NAME_OF[$1]=$2 PEERS_OF[$1]=$3 CLIENTS_OF[$1]=$4 IS_LEARNER[$1]=$5
}

# list_by_peer URL: GET /members, which is JSON of one line, as etcd's server/etcdserver/api/membership has it.
list_by_peer() {
  local line body='' rest one id name learner
  while IFS= read -r line || [[ -n $line ]]; do [[ $line != '[{"id":'* ]] || body=$line; done < <(ask_peer "$1" 2>/dev/null)
  [[ -n $body ]] || return 1
  forget_cluster
  rest=${body#\[}
  while [[ $rest == '{"id":'* ]]; do
    one=${rest%%\}*}
    rest=${rest#*\}}
    rest=${rest#,}
    [[ $one =~ ^\{\"id\":([0-9]+) ]] || return 1
    printf -v id '%x' "${BASH_REMATCH[1]}"
    name='' learner=false
    [[ ! $one =~ \"name\":\"([^\"]*)\" ]] || name=${BASH_REMATCH[1]}
    [[ $one != *'"isLearner":true'* ]] || learner=true
    add_listed "$id" "$name" "$(urls_in "$one" peerURLs)" "$(urls_in "$one" clientURLs)" "$learner"
  done
  ((${#IDS[@]} > 0))
}

# urls_in JSON FIELD: with commas between.
urls_in() {
  local list
  [[ $1 =~ \"$2\":\[([^]]*)\] ]] || return 0
  list=${BASH_REMATCH[1]//\"/}
  printf '%s' "$list"
}

# ask_members: what each member that is listed says of itself.
ask_members() {
  local id
  VERSION_OF=() LEADER_OF=() REVISION_OF=() TERM_OF=() INDEX_OF=() APPLIED_OF=() BYTES_OF=() IN_USE_OF=() ERRORS_OF=() WHY_NOT=()
  for id in "${IDS[@]}"; do ask_member "$id"; done
}

ask_member() {
  local id=$1 url=${CLIENTS_OF[$1]%%,*} answer
  [[ -n $url ]] || { WHY_NOT[$id]='it never started'; return 0; }
  port_answers "$url" || { WHY_NOT[$id]="nothing takes connections at $url"; return 0; }
  [[ -z ${SILENT[$url]-} ]] || { WHY_NOT[$id]="it takes connections at $url, and does not answer: an etcd that was started without a quorum does so"; return 0; }
  answer=$(etcdctl_at "$url" endpoint status -w json 2>"$SCRATCH/status.err") || { WHY_NOT[$id]=$(why "$SCRATCH/status.err"); return 0; }
  [[ $answer =~ \"version\":\"([0-9A-Za-z.+-]+)\" ]] || { WHY_NOT[$id]="its answer is none of etcd's"; return 0; }
  VERSION_OF[$id]=${BASH_REMATCH[1]}
  # Whoever answers at its address must be that member.
  [[ $(number_in "$answer" member_id) == "$(decimal_of "$id")" ]] || { WHY_NOT[$id]="another member answers at $url"; unset -v "VERSION_OF[$id]"; return 0; }
  # Fields that are zero are left out.
  LEADER_OF[$id]=$(number_in "$answer" leader) REVISION_OF[$id]=$(number_in "$answer" revision)
  TERM_OF[$id]=$(number_in "$answer" raftTerm) INDEX_OF[$id]=$(number_in "$answer" raftIndex) APPLIED_OF[$id]=$(number_in "$answer" raftAppliedIndex)
  BYTES_OF[$id]=$(number_in "$answer" dbSize) IN_USE_OF[$id]=$(number_in "$answer" dbSizeInUse)
  CLUSTER_ID=$(number_in "$answer" cluster_id)
  ERRORS_OF[$id]=
  [[ ! $answer =~ \"errors\":\[([^]]*)\] ]] || ERRORS_OF[$id]=${BASH_REMATCH[1]//\"/}
}

# number_in JSON FIELD: prints it; 0 where it is not there.
number_in() {
  local number=0
  [[ ! $1 =~ \"$2\":([0-9]+) ]] || number=${BASH_REMATCH[1]}
  printf '%s' "$number"
}

# Ids have 64 bits, which bash takes for signed numbers.
decimal_of() { printf '%u' "0x$1"; }

# is_up ID: whether it answered and has a leader.
is_up() { [[ -n ${VERSION_OF[$1]-} && ${LEADER_OF[$1]} != 0 ]]; }

# has_corrupt ID: whether that member has the alarm CORRUPT. Each member tells the alarms of all.
has_corrupt() {
  local id
  for id in "${IDS[@]}"; do [[ ! ${ERRORS_OF[$id]-} =~ memberID:$(decimal_of "$1")\ +alarm:CORRUPT ]] || return 0; done
  return 1
}

# count_voters: sets VOTERS, UP (those of them that answer with a leader) and QUORUM.
count_voters() {
  local id
  VOTERS=0 UP=0
  for id in "${IDS[@]}"; do
    [[ ${IS_LEARNER[$id]} != true ]] || continue
    VOTERS=$((VOTERS + 1))
    ! is_up "$id" || UP=$((UP + 1))
  done
  QUORUM=$((VOTERS / 2 + 1))
}

# title_of ID: for messages.
title_of() { printf '%s' "${NAME_OF[$1]:-a member without a name} ($1)"; }

# find_minor_of_cluster: sets CLUSTER_MINOR to the newest of those that answer.
find_minor_of_cluster() {
  local id minor
  CLUSTER_MINOR=3.0
  for id in "${IDS[@]}"; do
    [[ ${VERSION_OF[$id]-} =~ ^3\.([0-9]+)\. ]] || continue
    minor=${BASH_REMATCH[1]}
    ((minor <= ${CLUSTER_MINOR#3.})) || CLUSTER_MINOR=3.$minor
  done
}
