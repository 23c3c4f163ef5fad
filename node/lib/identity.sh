# shellcheck shell=bash
# The snapshot's identity, which the node's own opens. It stays in this process: files and argument lists never see it.

SNAPSHOT_IDENTITY=

# open_identity: sets SNAPSHOT_IDENTITY once it is this snapshot's.
open_identity() {
  local context mode uid
  [[ -f $IDENTITY ]] || refuse 2 "there is no identity in $IDENTITY" "give --identity FILE: what restore.sh keygen made on this node"
  [[ -r $IDENTITY ]] || refuse 5 "$IDENTITY cannot be read" "run this as root"
  read -r uid mode < <(stat -L -c '%u %a' -- "$IDENTITY")
  ((!(8#$mode & 8#077))) || warn "$IDENTITY may be read by others (mode $mode, uid $uid): chmod 600 it"
  SNAPSHOT_IDENTITY=$("$UNPACKED/bin/age" -d -i "$IDENTITY" "$UNPACKED/identity.age" 2>"$SCRATCH/age.err" | head -c 8192) ||
    refuse 4 "$IDENTITY does not open this bundle, which is for ${RECIPIENT[RECIPIENT]} (${RECIPIENT[RECIPIENT_KEY]})" \
      "take this node's own tar, or the identity that belongs to that recipient"
  context="# context: {\"cluster\":\"${PLAN[CLUSTER]}\",\"snapshot\":\"${PLAN[SNAPSHOT]}\"}"
  [[ ${SNAPSHOT_IDENTITY%%$'\n'*} == "$context" ]] ||
    refuse 4 "the identity in $TAR_NAME is not that of ${PLAN[CLUSTER]}/${PLAN[SNAPSHOT]}" "do not use this bundle; make another one"
  [[ ${SNAPSHOT_IDENTITY#*$'\n'} =~ ^AGE-SECRET-KEY-1[0-9A-Z]{58}$ ]] || refuse 4 "the identity in $TAR_NAME is none" "do not use this bundle; make another one"
}
