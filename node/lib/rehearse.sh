# shellcheck shell=bash
# rehearse: the way of a restore as far as a data directory, and no node is touched.

# Set where the revision is not bumped: the hash of what is restored is then the one that was proven.
AS_IT_WAS=

# The first member of the plan, or --member, into the empty folder --data-dir. Nothing is configured, stopped or started.
run_rehearse() {
  local entry stage
  [[ -n $DATA_OPTION ]] || refuse 2 "rehearse needs --data-dir DIR" "make an empty folder for it, on a disk that is yours alone: mkdir -m 700"
  open_bundle
  [[ ${PLAN[FOR]} == etcd ]] || refuse 2 "the bundle is for ${PLAN[FOR]}, whose own tools restore" "restore.sh export, then NEXT-STEPS.txt in $TAR_NAME"
  find_number
  DATA_DIR=$ROOT$DATA_OPTION
  [[ -d $DATA_DIR ]] || refuse 2 "there is no folder $DATA_DIR" "make it first: mkdir -m 700"
  DATA_DIR=$(absolute "$DATA_DIR")
  stage=$(stage)
  for entry in "$DATA_DIR"/* "$DATA_DIR"/.[!.]*; do
    # Of a run that was killed.
    [[ ! -e $entry || $entry == "$stage" ]] || refuse 2 "$DATA_DIR is not empty: ${entry##*/} is in it" "give --data-dir an empty folder"
  done
  AS_IT_WAS=yes
  open_identity
  check_payload
  remove_at_end "$stage"
  note decrypt
  decrypt_step
  note restore
  restore_database
  give_to_etcd "$stage"
  rename "$stage/data/member" "$DATA_DIR/member"
  say "$DATA_DIR: member $MEMBER of ${PLAN[CLUSTER]}/${PLAN[SNAPSHOT]} at revision ${PLAN[REVISION]}, as it was: for a rehearsal or a look, and never for a node"
  say "It holds every secret of the cluster. Remove it when nobody needs it any more."
}

# find_number: sets MEMBER and NUMBER.
find_number() {
  local number
  MEMBER=${MEMBER_OPTION:-${PLAN[MEMBER_1_NAME]}} NUMBER=0
  for ((number = 1; number <= PLAN[MEMBERS]; number++)); do
    [[ $MEMBER != "${PLAN[MEMBER_${number}_NAME]}" ]] || NUMBER=$number
  done
  ((NUMBER > 0)) || refuse 2 "there is no member $MEMBER in the plan" "restore.sh plan lists them"
}
