# shellcheck shell=bash
# The plan and for whom it is, once the tar that holds them is believed.

# shellcheck disable=SC2153,SC2004 # keys of the plan

# read_plan: fills PLAN and RECIPIENT from UNPACKED, and refuses what is not as docs/format.md says.
read_plan() {
  local key
  read_values "$UNPACKED/plan" "the plan in $TAR_NAME"
  for key in "${!VALUES[@]}"; do PLAN[$key]=${VALUES[$key]}; done
  read_values "$UNPACKED/recipient" "the recipient in $TAR_NAME"
  for key in "${!VALUES[@]}"; do RECIPIENT[$key]=${VALUES[$key]}; done
  PLAN_DIGEST=$(digest_of "$UNPACKED/plan")
  [[ ${PLAN[FORMAT]-} == 1 && ${RECIPIENT[FORMAT]-} == 1 ]] ||
    refuse 4 "the bundle has format ${PLAN[FORMAT]:-none}, and this restore.sh reads 1" "use the restore.sh that came with the bundle"
  check_form is_cluster CLUSTER
  check_form is_snapshot SNAPSHOT
  check_form is_digest MANIFEST_SHA256 PAYLOAD_SHA256 SNAPSHOT_SHA256 SNAPSHOT_TRAILER
  check_form is_file_name PAYLOAD_FILE
  check_form is_number LINEAGE CREATED_EPOCH EXPIRES_EPOCH PAYLOAD_BYTES SNAPSHOT_BYTES REVISION BUMP_REVISION REVISION_AFTER MEMBERS
  check_form is_yes_or_no GOOD
  check_form is_token TOKEN
  check_form is_arch ARCH
  check_form is_tool_for FOR
  check_form is_minor ETCD_MINOR TOOLS_MINOR
  check_optional is_number SNAPSHOT_HASH LIVE_KEYS IN_USE_BYTES HASHKV HASHKV_REVISION
  check_optional is_number_or_none COMPACT_REVISION HASHKV_COMPACT_REVISION
  check_optional is_alarms ALARMS
  ((PLAN[REVISION] + PLAN[BUMP_REVISION] == PLAN[REVISION_AFTER])) || refuse_plan REVISION_AFTER
  ((PLAN[CREATED_EPOCH] < PLAN[EXPIRES_EPOCH])) || refuse_plan EXPIRES_EPOCH
  read_members
  [[ ${RECIPIENT[RECIPIENT]-} =~ ^[a-z0-9][a-z0-9._-]{0,62}$ ]] || refuse_plan RECIPIENT
  [[ ${RECIPIENT[RECIPIENT_KEY]-} =~ ^age1[0-9a-z]{50,2000}$ ]] || refuse_plan RECIPIENT_KEY
}

is_yes_or_no() { [[ $1 == yes || $1 == no ]]; }
is_token() { [[ $1 =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$ ]]; }
is_arch() { [[ $1 == amd64 || $1 == arm64 ]]; }
is_tool_for() { [[ " etcd k3s rke2 talos openshift kops " == *" $1 "* && $1 != *' '* ]]; }
is_minor() { [[ $1 =~ ^3\.[0-9]{1,2}$ ]]; }
is_number_or_none() { [[ $1 == -1 ]] || is_number "$1"; }
is_alarms() { [[ $1 =~ ^[A-Z_]{1,32}(\ [A-Z_]{1,32})*$ ]]; }

check_form() {
  local form=$1 key
  for key in "${@:2}"; do "$form" "${PLAN[$key]-}" || refuse_plan "$key"; done
}

check_optional() {
  local form=$1 key
  for key in "${@:2}"; do [[ -z ${PLAN[$key]-} ]] || "$form" "${PLAN[$key]}" || refuse_plan "$key"; done
}

refuse_plan() { refuse 4 "$1 in the plan of $TAR_NAME is missing or has no proper value" "do not use this bundle; make another one"; }

# Members are numbered from 1. INITIAL_CLUSTER must be what they say.
read_members() {
  local number prefix url cluster='' names=' '
  local -a urls
  ((PLAN[MEMBERS] >= 1 && PLAN[MEMBERS] <= 99)) || refuse_plan MEMBERS
  for ((number = 1; number <= PLAN[MEMBERS]; number++)); do
    prefix=MEMBER_$number
    check_form is_member "${prefix}_NAME"
    check_form are_urls "${prefix}_PEER_URLS" "${prefix}_CLIENT_URLS"
    check_form is_layout "${prefix}_LAYOUT"
    check_optional is_path "${prefix}_DATA_DIR"
    check_optional is_unit "${prefix}_SERVICE"
    [[ $names != *" ${PLAN[${prefix}_NAME]} "* ]] || refuse_plan "${prefix}_NAME"
    names+="${PLAN[${prefix}_NAME]} "
    IFS=, read -r -a urls < <(printf '%s\n' "${PLAN[${prefix}_PEER_URLS]}")
    for url in "${urls[@]}"; do cluster+=",${PLAN[${prefix}_NAME]}=$url"; done
  done
  [[ ${PLAN[INITIAL_CLUSTER]-} == "${cluster#,}" ]] || refuse_plan INITIAL_CLUSTER
}

# check_plan: whether it is for a node like this one, now.
check_plan() {
  local now wanted=$CLUSTER_OPTION pinned=$ROOT/etc/etcd-lifeboat/cluster machine
  now=$(date +%s)
  ((now < PLAN[EXPIRES_EPOCH])) ||
    refuse 4 "the bundle expired at ${PLAN[EXPIRES_AT]-}, and this node's clock says $(date -u +%Y-%m-%dT%H:%M:%SZ)" \
      "make another one (lifeboat bundle); if the clock is wrong, set it"
  # Five minutes: clocks of two machines differ.
  ((now > PLAN[CREATED_EPOCH] - 300)) ||
    refuse 5 "the bundle was made at ${PLAN[CREATED_AT]-}, and this node's clock says $(date -u +%Y-%m-%dT%H:%M:%SZ)" "set the clock"
  if [[ -z $wanted && -e $pinned ]]; then
    check_owner "$pinned"
    read -r wanted <"$pinned" || [[ -n $wanted ]] || refuse 2 "$pinned is empty" "write the cluster's name into it"
  fi
  [[ -z $wanted || $wanted == "${PLAN[CLUSTER]}" ]] ||
    refuse 4 "the bundle is of cluster ${PLAN[CLUSTER]}, and this node belongs to $wanted" "fetch the bundle of $wanted"
  CLUSTER_IS_KNOWN=$wanted
  machine=$(uname -m)
  case $machine in
    x86_64) machine=amd64 ;;
    aarch64) machine=arm64 ;;
  esac
  [[ $machine == "${PLAN[ARCH]}" ]] ||
    refuse 5 "the bundle's programs are for ${PLAN[ARCH]}, and this node is $machine" "make one with lifeboat bundle --arch $machine"
}
