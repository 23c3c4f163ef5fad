#!/bin/bash
# Brings a control-plane node back from a signed restore bundle: docs/restore.md.
# Needs bash 4.2, coreutils, openssl and tar, as nodes of 2014 have them; everything else comes out of the bundle once its signature held.
set -o errexit -o nounset -o pipefail -o errtrace
umask 077
export LC_ALL=C
IFS=$' \t\n'
unset -v CDPATH GLOBIGNORE TAR_OPTIONS POSIXLY_CORRECT BASH_ENV ENV
shopt -u nocasematch failglob nullglob extglob

LIBRARY=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/lib
readonly LIBRARY PROGRAM=restore.sh PROGRESS=status AGAIN=apply
readonly NOT_HEALTHY='this member did not become healthy; members that wait for a quorum need the others restored too'
readonly IF_FAILED='Compare the plan digest on every node (restore.sh status)'
readonly IF_DIFFERENT='run rollback on every node; restore the same bundle on all'
readonly NOBODY_TO_JOIN='no other member answers as one that was restored by this plan'
# shellcheck source=lib/say.sh
. "$LIBRARY/say.sh"
# shellcheck source=lib/arguments.sh
. "$LIBRARY/arguments.sh"
# shellcheck source=lib/options.sh
. "$LIBRARY/options.sh"
# shellcheck source=lib/place.sh
. "$LIBRARY/place.sh"
# shellcheck source=lib/values.sh
. "$LIBRARY/values.sh"
# shellcheck source=lib/plan.sh
. "$LIBRARY/plan.sh"
# shellcheck source=lib/trust.sh
. "$LIBRARY/trust.sh"
# shellcheck source=lib/tar-header.sh
. "$LIBRARY/tar-header.sh"
# shellcheck source=lib/archive.sh
. "$LIBRARY/archive.sh"
# shellcheck source=lib/bundle.sh
. "$LIBRARY/bundle.sh"
# shellcheck source=lib/identity.sh
. "$LIBRARY/identity.sh"
# shellcheck source=lib/payload.sh
. "$LIBRARY/payload.sh"
# shellcheck source=lib/words.sh
. "$LIBRARY/words.sh"
# shellcheck source=lib/keygen.sh
. "$LIBRARY/keygen.sh"
# shellcheck source=lib/node.sh
. "$LIBRARY/node.sh"
# shellcheck source=lib/planned-node.sh
. "$LIBRARY/planned-node.sh"
# shellcheck source=lib/journal.sh
. "$LIBRARY/journal.sh"
# shellcheck source=lib/run-steps.sh
. "$LIBRARY/run-steps.sh"
# shellcheck source=lib/services.sh
. "$LIBRARY/services.sh"
# shellcheck source=lib/configure.sh
. "$LIBRARY/configure.sh"
# shellcheck source=lib/etcd.sh
. "$LIBRARY/etcd.sh"
# shellcheck source=lib/agree.sh
. "$LIBRARY/agree.sh"
# shellcheck source=lib/learner.sh
. "$LIBRARY/learner.sh"
# shellcheck source=lib/shared-steps.sh
. "$LIBRARY/shared-steps.sh"
# shellcheck source=lib/join.sh
. "$LIBRARY/join.sh"
# shellcheck source=lib/steps.sh
. "$LIBRARY/steps.sh"
# shellcheck source=lib/apply.sh
. "$LIBRARY/apply.sh"
# shellcheck source=lib/node-files.sh
. "$LIBRARY/node-files.sh"
# shellcheck source=lib/files-compare.sh
. "$LIBRARY/files-compare.sh"
# shellcheck source=lib/text-diff.sh
. "$LIBRARY/text-diff.sh"
# shellcheck source=lib/files-apply.sh
. "$LIBRARY/files-apply.sh"
# shellcheck source=lib/rehearse.sh
. "$LIBRARY/rehearse.sh"
# shellcheck source=lib/stale.sh
. "$LIBRARY/stale.sh"
# shellcheck source=lib/after.sh
. "$LIBRARY/after.sh"

main() {
  catch_signals
  parse_options "$@"
  case $COMMAND in
    verify) run_verify ;;
    plan) run_plan ;;
    export) run_export ;;
    rehearse) run_rehearse ;;
    keygen) run_keygen ;;
    files) run_files ;;
    apply) run_apply ;;
    status) run_status ;;
    after) run_after ;;
    rollback) run_rollback ;;
  esac
}

run_verify() {
  open_bundle
  open_identity
  check_payload
  say_verified
}

run_plan() {
  open_bundle
  say_plan
  refuse_corrupt
  [[ ${PLAN[FOR]} != etcd ]] || say_commands
}

run_export() {
  [[ -n $OUT ]] || refuse 2 "export needs --out FILE" "name a file that is not there yet, on a disk that is yours alone"
  open_bundle
  open_identity
  check_payload
  export_snapshot "$OUT"
}

# On one line: bash reads a script as it goes, and this file may be replaced meanwhile.
main "$@"; exit
