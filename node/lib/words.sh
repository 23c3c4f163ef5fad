# shellcheck shell=bash
# What the script says of a bundle.

# in_groups HEX COUNT: the first COUNT groups of four digits.
in_groups() {
  local i groups=''
  for ((i = 0; i < $2; i++)); do groups+=" ${1:i*4:4}"; done
  printf '%s' "${groups# }"
}

say_verified() {
  say "signature    holds: sha256:$SIGNED_BY, believed by $TRUSTED_FROM"
  say "tar          ${#ENTRIES[@]} files, each as SHA256SUMS says"
  say_bundle
  say "identity     $IDENTITY opens it (${RECIPIENT[RECIPIENT]})"
  say "payload      $PAYLOAD, ${PLAN[PAYLOAD_BYTES]} bytes, SHA-256 as signed"
  say_digest
}

say_bundle() {
  say "snapshot     ${PLAN[CLUSTER]}/${PLAN[SNAPSHOT]}, taken ${PLAN[TAKEN_AT]-}, revision ${PLAN[REVISION]}, etcd ${PLAN[ETCD_VERSION]-}"
  [[ ${PLAN[GOOD]} == yes ]] || say "NOT GOOD     ${PLAN[LACKS]-}"
  [[ -n $CLUSTER_IS_KNOWN ]] || say "cluster      ${PLAN[CLUSTER]}: is it this node's cluster? Nothing on the node tells"
  say "expires      ${PLAN[EXPIRES_AT]-}"
}

say_digest() {
  say "plan digest  $(in_groups "$PLAN_DIGEST" 4): must be the same on every node"
}

# The plan, and what could be checked of it without the payload.
say_plan() {
  local number
  say "signature    holds: sha256:$SIGNED_BY, believed by $TRUSTED_FROM"
  say_bundle
  say "for          ${RECIPIENT[RECIPIENT]} (${RECIPIENT[RECIPIENT_KEY]})"
  if find_payload; then say "payload      $PAYLOAD (verify checks it)"; else say "payload      not there yet: ${PLAN[PAYLOAD_FILE]}, ${PLAN[PAYLOAD_BYTES]} bytes"; fi
  say "plain        ${PLAN[SNAPSHOT_BYTES]} bytes, ${PLAN[LIVE_KEYS]:-unknown} live keys"
  [[ -z ${PLAN[ALARMS]-} ]] || say "ALARMS       ${PLAN[ALARMS]}: a restored cluster refuses writes until they are disarmed"
  say "token        ${PLAN[TOKEN]}"
  say "revision     ${PLAN[REVISION]} becomes ${PLAN[REVISION_AFTER]}: old watches and lists end with 410 and start again"
  say "members      ${PLAN[MEMBERS]}, each restores this snapshot by this plan"
  for ((number = 1; number <= PLAN[MEMBERS]; number++)); do
    say "  ${PLAN[MEMBER_${number}_NAME]}: peers ${PLAN[MEMBER_${number}_PEER_URLS]}, clients ${PLAN[MEMBER_${number}_CLIENT_URLS]}"
  done
  if [[ -n ${RECIPIENT[NODE_FILES]-} ]]; then say "node files   collected ${RECIPIENT[NODE_FILES]} (restore.sh files)"; else say "node files   none in this bundle"; fi
  [[ ${PLAN[FOR]} == etcd ]] || say "restored by  ${PLAN[FOR]}: restore.sh export, then NEXT-STEPS.txt in $TAR_NAME"
  say_digest
}
