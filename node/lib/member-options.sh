# shellcheck shell=bash
# What is typed to member.sh.

COMMAND=
ENDPOINTS_OPTION='' BIN_OPTION='' PEERS_OPTION='' CLIENTS_OPTION='' REMOVE_OPTION=''
EVEN_IF_HEALTHY='' DRY_RUN='' NO_HASH='' NO_COPY='' CONFIRMED=''

readonly MEMBER_COMMANDS='status replace force-new-cluster rebuild progress rollback'

member_usage() {
  cat <<'END'
member.sh COMMAND [options]

Looks at an etcd cluster from one of its nodes, and repairs the member of that node.

Commands
  status              members, leader, versions, sizes, alarms, and whether they hold the same; changes nothing
  replace             this node's member comes clean into the cluster again, of which a quorum is healthy;
                      or into a cluster that does not know it yet
  force-new-cluster   the quorum is lost for good: this node's member goes on alone, with its own data;
                      the others come back by replace
  rebuild             etcd here ends at each start, and no other member lives: a new member from its database
  progress            how far a repair came on this node
  rollback            take back a repair that did not end

Options
  --dry-run            check, say each command that would run, and change nothing
  --endpoints URLS     client addresses of other members, with commas between (default: as this node's configuration
                       and the members say)
  --bin DIR            has etcdctl, and etcdutl where it is needed (default: bin beside this script, then PATH)
  --peer-urls URLS, --client-urls URLS
                       of this node's member, as it advertises them (default: as the configuration says)
  --remove ID          replace: the member whose place this node takes, where the cluster knows that by another name or address
  --even-if-healthy    replace: although this node's member is healthy
  --no-hash            status: do not compare what members hold; HashKV stalls writes while a member computes it
  --no-copy            force-new-cluster: without room for a copy of the data; there is no rollback then
  --yes-i-lose-what-only-the-others-have
                       force-new-cluster: needed
  --yes-i-skip-the-hash-check
                       rebuild: needed
  --member NAME        which member this node is (default: as its configuration says)
  --layout static-pod|systemd|bare
                       how etcd runs (default: found)
  --data-dir DIR       etcd's (default: as the configuration says)
  --service NAME       etcd's unit (default: etcd)
  --env-file FILE      with ETCD_* variables, for a bare etcd
  --start PROGRAM, --stop PROGRAM
                       start and stop a bare etcd; PROGRAM is given flags of etcd's to append
  --cacert FILE, --cert FILE, --key FILE
                       for etcdctl (default: as the configuration says)
  --wait SECONDS       how long each step may wait (default: 600)
  --root DIR           use DIR as the file system's root
  --help               this

Exit codes
  0 done, or status: healthy; 1 unexpected or another restore.sh or member.sh in the way; 2 usage or something is not there;
  3 etcd did not do what it must, or status: no quorum; 4 verification failed; 5 the node (space, permission, programs);
  6 needs a person, or status: degraded; 130 interrupted
END
}

parse_member_options() {
  local arg
  for arg in "$@"; do
    [[ $arg == --help || $arg == -h ]] || continue
    member_usage
    exit 0
  done
  while (($# > 0)); do
    if take_node_option "$@"; then
      shift 2
      continue
    fi
    case $1 in
      --endpoints) take_value "$@" && ENDPOINTS_OPTION=$2 ;;
      --bin) take_value "$@" && BIN_OPTION=$2 ;;
      --peer-urls) take_value "$@" && PEERS_OPTION=$2 ;;
      --client-urls) take_value "$@" && CLIENTS_OPTION=$2 ;;
      --remove) take_value "$@" && REMOVE_OPTION=$2 ;;
      *)
        take_switch "$1"
        shift
        continue
        ;;
    esac
    shift 2
  done
  [[ -n $COMMAND ]] || refuse 2 "no command" "member.sh --help lists them; begin with status"
  [[ " $MEMBER_COMMANDS " == *" $COMMAND "* && $COMMAND != *' '* ]] || refuse 2 "there is no command $COMMAND" "commands: $MEMBER_COMMANDS"
  check_node_options
  check_switches
}

take_switch() {
  case $1 in
    --dry-run) DRY_RUN=yes ;;
    --even-if-healthy) EVEN_IF_HEALTHY=yes ;;
    --no-hash) NO_HASH=yes ;;
    --no-copy) NO_COPY=yes ;;
    --yes-i-*) CONFIRMED=$1 ;;
    -*) refuse 2 "there is no option ${1%%=*}" "member.sh --help lists them; a value follows after a blank" ;;
    *)
      [[ -z $COMMAND ]] || refuse 2 "one command at a time: $COMMAND, then $1" "put what has blanks between quotes"
      COMMAND=$1
      ;;
  esac
}

# Which command an option is for.
check_switches() {
  [[ -z $DRY_RUN || $COMMAND == replace || $COMMAND == force-new-cluster || $COMMAND == rebuild ]] || refuse 2 "--dry-run is for what changes something" "leave it out"
  [[ -z $EVEN_IF_HEALTHY$REMOVE_OPTION || $COMMAND == replace ]] || refuse 2 "--even-if-healthy and --remove are for replace" "leave them out"
  [[ -z $NO_HASH || $COMMAND == status ]] || refuse 2 "--no-hash is for status" "leave it out"
  [[ -z $NO_COPY || $COMMAND == force-new-cluster ]] || refuse 2 "--no-copy is for force-new-cluster" "leave it out"
  case $CONFIRMED:$COMMAND in
    :* | --yes-i-lose-what-only-the-others-have:force-new-cluster | --yes-i-skip-the-hash-check:rebuild) ;;
    *) refuse 2 "there is no option $CONFIRMED for $COMMAND" "member.sh --help lists them" ;;
  esac
  [[ -z $ENDPOINTS_OPTION ]] || are_urls "$ENDPOINTS_OPTION" || refuse 2 "--endpoints $ENDPOINTS_OPTION are no addresses" "as in https://10.0.0.1:2379,https://10.0.0.2:2379"
  [[ -z $PEERS_OPTION ]] || are_urls "$PEERS_OPTION" || refuse 2 "--peer-urls $PEERS_OPTION are no addresses" "as in https://10.0.0.1:2380"
  [[ -z $CLIENTS_OPTION ]] || are_urls "$CLIENTS_OPTION" || refuse 2 "--client-urls $CLIENTS_OPTION are no addresses" "as in https://10.0.0.1:2379"
  [[ -z $REMOVE_OPTION ]] || is_member_id "$REMOVE_OPTION" || refuse 2 "--remove $REMOVE_OPTION is no member's id" "member.sh status says them, in hex: 8e9e05c52164694d"
  [[ -z $BIN_OPTION || -d $BIN_OPTION ]] || refuse 2 "--bin $BIN_OPTION is no folder" "give the folder that has etcdctl"
}

is_member_id() { [[ $1 =~ ^[0-9a-f]{1,16}$ ]]; }
