# shellcheck shell=bash
# Options that both scripts have: where etcd is on this node and how it runs.

ROOT=
MEMBER_OPTION='' LAYOUT_OPTION='' DATA_OPTION='' SERVICE_OPTION='' ENV_FILE_OPTION=''
CACERT_OPTION='' CERT_OPTION='' KEY_OPTION='' START_PROGRAM='' STOP_PROGRAM=''
# Seconds: the other nodes of the cluster may be at work at the same time.
WAIT=600

# take_node_option OPTION VALUE: whether it was one of these.
take_node_option() {
  case $1 in
    --root) take_value "$@" && ROOT=${2%/} ;;
    --member) take_value "$@" && MEMBER_OPTION=$2 ;;
    --layout) take_value "$@" && LAYOUT_OPTION=$2 ;;
    --data-dir) take_value "$@" && DATA_OPTION=$2 ;;
    --service) take_value "$@" && SERVICE_OPTION=$2 ;;
    --env-file) take_value "$@" && ENV_FILE_OPTION=$2 ;;
    --start) take_value "$@" && START_PROGRAM=$2 ;;
    --stop) take_value "$@" && STOP_PROGRAM=$2 ;;
    --cacert) take_value "$@" && CACERT_OPTION=$2 ;;
    --cert) take_value "$@" && CERT_OPTION=$2 ;;
    --key) take_value "$@" && KEY_OPTION=$2 ;;
    --wait) take_value "$@" && WAIT=$2 ;;
    *) return 1 ;;
  esac
}

# check_node_options: refuses values that cannot be. Sets the places that both scripts have.
check_node_options() {
  [[ -z $ROOT || -d $ROOT ]] || refuse 2 "--root $ROOT is no folder" "leave it out on a node"
  # One journal and one lock for both scripts: they change the same things.
  STATE=$ROOT/var/lib/etcd-lifeboat/restore
  MANIFESTS=$ROOT/etc/kubernetes/manifests
  [[ $WAIT =~ ^[1-9][0-9]{0,5}$ ]] || refuse 2 "--wait $WAIT is no number of seconds" "give 1 to 999999"
  [[ -z $LAYOUT_OPTION ]] || is_layout "$LAYOUT_OPTION" || refuse 2 "there is no layout $LAYOUT_OPTION" "static-pod, systemd or bare"
  [[ -z $SERVICE_OPTION ]] || is_unit "$SERVICE_OPTION" || refuse 2 "--service $SERVICE_OPTION is no name of a unit" "give it without blanks"
}

take_value() {
  (($# > 1)) || refuse 2 "$1 needs a value" "$PROGRAM --help says which"
  [[ -n $2 ]] || refuse 2 "$1 is empty" "is the variable that you gave set in this shell?"
}

absolute() { (cd -- "$1" && pwd -P); }

# absolute_file PATH: the same for a file that need not be there. Prints nothing where its folder is not.
absolute_file() {
  local folder=.
  [[ $1 != */* ]] || folder=${1%/*}
  folder=$(cd -- "${folder:-/}" 2>/dev/null && pwd -P) || return 0
  printf '%s/%s' "${folder%/}" "${1##*/}"
}
