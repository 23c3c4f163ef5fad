#!/bin/bash
# Looks at an etcd cluster from one of its nodes, and repairs the member of that node: docs/member.md.
# Needs bash 4.2, coreutils and openssl, and etcdctl: of an unpacked bundle, of --bin DIR, or on PATH.
set -o errexit -o nounset -o pipefail -o errtrace
umask 077
export LC_ALL=C
IFS=$' \t\n'
unset -v CDPATH GLOBIGNORE TAR_OPTIONS POSIXLY_CORRECT BASH_ENV ENV
shopt -u nocasematch failglob nullglob extglob

LIBRARY=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/lib
readonly LIBRARY PROGRAM=member.sh PROGRESS=progress
readonly NOT_HEALTHY='this member did not become healthy'
readonly IF_FAILED='Look at its flags, too'
readonly IF_DIFFERENT='run member.sh status: the member that differs is to be replaced, this one or another'
readonly NOBODY_TO_JOIN='no other member is healthy'
# shellcheck source=lib/say.sh
. "$LIBRARY/say.sh"
# shellcheck source=lib/arguments.sh
. "$LIBRARY/arguments.sh"
# shellcheck source=lib/member-options.sh
. "$LIBRARY/member-options.sh"
# shellcheck source=lib/place.sh
. "$LIBRARY/place.sh"
# shellcheck source=lib/values.sh
. "$LIBRARY/values.sh"
# shellcheck source=lib/node.sh
. "$LIBRARY/node.sh"
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
# shellcheck source=lib/own-member.sh
. "$LIBRARY/own-member.sh"
# shellcheck source=lib/cluster.sh
. "$LIBRARY/cluster.sh"
# shellcheck source=lib/cluster-status.sh
. "$LIBRARY/cluster-status.sh"
# shellcheck source=lib/replace.sh
. "$LIBRARY/replace.sh"
# shellcheck source=lib/alone.sh
. "$LIBRARY/alone.sh"
# shellcheck source=lib/force.sh
. "$LIBRARY/force.sh"
# shellcheck source=lib/rebuild.sh
. "$LIBRARY/rebuild.sh"
# shellcheck source=lib/repair.sh
. "$LIBRARY/repair.sh"

main() {
  catch_signals
  parse_member_options "$@"
  AGAIN=$COMMAND
  case $COMMAND in
    status) run_cluster_status ;;
    progress) run_progress ;;
    rollback) run_take_back ;;
    *) run_repair ;;
  esac
}

# On one line: bash reads a script as it goes, and this file may be replaced meanwhile.
main "$@"; exit
