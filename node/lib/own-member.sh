# shellcheck shell=bash
# This node's own member, as its configuration has it, and the programs that ask etcd.

ETCDUTL=

# find_programs NAME...: sets ETCDCTL and ETCDUTL, where they are named.
find_programs() {
  local name found
  for name in "$@"; do
    found=$(program_path "$name")
    [[ -n $found ]] || refuse 5 "there is no $name here" "give --bin DIR with it: out of a bundle (lifeboat bundle), or of a release of etcd of the cluster's minor"
    "$found" version >/dev/null 2>&1 || refuse 5 "$found does not run" "is it for this machine, and its disk not mounted noexec?"
    case $name in
      etcdctl) ETCDCTL=$found ;;
      etcdutl) ETCDUTL=$found ;;
    esac
  done
}

# program_path NAME: prints where it is, if it is: in --bin, beside this script as in an unpacked bundle, or on PATH.
program_path() {
  local folder
  for folder in ${BIN_OPTION:+"$BIN_OPTION"} "$LIBRARY/../bin"; do
    [[ -f $folder/$1 && -x $folder/$1 ]] || continue
    printf '%s/%s' "$(absolute "$folder")" "$1"
    return 0
  done
  type -P "$1" || true
}

# make_scratch: sets SCRATCH to a folder that ends with this process.
make_scratch() {
  local folder=${TMPDIR:-/tmp}/.lifeboat-member
  remove_left_behind "$folder"
  SCRATCH=$(mktemp -d "$folder.$$.XXXXXXXX" 2>/dev/null) || refuse 5 "no folder can be made in ${folder%/*}" "set TMPDIR to a folder of yours"
  remove_at_end "$SCRATCH"
}

# find_own_addresses: sets MEMBER, OWN_PEER_URLS and OWN_CLIENT_URLS, as far as this node knows.
find_own_addresses() {
  find_layout
  MEMBER=$MEMBER_OPTION MEMBER_FROM=--member
  [[ -n $MEMBER ]] || { MEMBER=${FOUND[name]-} MEMBER_FROM=$LAYOUT_FROM; }
  OWN_PEER_URLS=${PEERS_OPTION:-${FOUND[initial-advertise-peer-urls]-}}
  OWN_CLIENT_URLS=${CLIENTS_OPTION:-${FOUND[advertise-client-urls]-}}
  [[ -z $OWN_PEER_URLS ]] || are_urls "$OWN_PEER_URLS" || OWN_PEER_URLS=
  [[ -z $OWN_CLIENT_URLS ]] || are_urls "$OWN_CLIENT_URLS" || OWN_CLIENT_URLS=
}

# find_own_member: all that a repair must know of this node. Refuses where it does not.
find_own_member() {
  find_own_addresses
  is_member "$MEMBER" || refuse 2 "which member this node is to be is not known (${MEMBER:-no name found})" "give --member NAME, as etcd's flag --name has it"
  [[ -n $OWN_PEER_URLS ]] || refuse 2 "the peer address of $MEMBER is not known: no --initial-advertise-peer-urls in $LAYOUT_FROM" "give --peer-urls URL"
  [[ -n $OWN_CLIENT_URLS ]] || refuse 2 "the client address of $MEMBER is not known: no --advertise-client-urls in $LAYOUT_FROM" "give --client-urls URL"
  DATA_DIR=$DATA_OPTION DATA_FROM=--data-dir
  [[ -n $DATA_DIR ]] || { DATA_DIR=${FOUND[data-dir]-} DATA_FROM=$LAYOUT_FROM; }
  is_path "$DATA_DIR" || refuse 2 "the data directory is not known" "give --data-dir DIR"
  DATA_DIR=$ROOT$DATA_DIR
  check_data_dir
  find_certificates
  check_certificates
  check_not_forced
  find_minor
}

# check_certificates: those that etcd and etcdctl need on this node.
check_certificates() {
  local flag file
  for flag in cert-file key-file trusted-ca-file peer-cert-file peer-key-file peer-trusted-ca-file; do
    file=${FOUND[$flag]-}
    [[ -z $file || -f $ROOT$file ]] || refuse 2 "$ROOT$file is not there, and etcd needs it (--$flag in ${FOUND_IN[$flag]})" "bring it back: docs/member.md, \"Certificates\""
  done
  for file in "$CACERT" "$CERT" "$KEY"; do
    [[ -z $file || -f $file ]] || refuse 2 "$file is not there, and etcdctl needs it" "give --cacert, --cert and --key"
  done
  [[ ! $OWN_CLIENT_URLS == https://* || -n $CACERT ]] || refuse 2 "which authority the cluster's certificates are of is not known" "give --cacert, --cert and --key"
}

# Left there by somebody's hand, it would make a cluster of one at each start.
check_not_forced() {
  [[ -n ${KEPT[REPAIR]-} || ${FOUND[force-new-cluster]-false} == false ]] ||
    refuse 6 "etcd here starts with --force-new-cluster (${FOUND_IN[force-new-cluster]})" "take that out first: at each start it makes etcd a cluster of one"
}
