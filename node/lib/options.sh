# shellcheck shell=bash
# What is typed.

COMMAND=
DIR=.
TAR=
FINGERPRINT=
PAYLOAD=
IDENTITY=
WORK=
OUT=
CLUSTER_OPTION=
NAME=
# all: every member restores; first: this one alone, as a cluster of one; join: into that one.
WAY=all
CLEAR=
# Of files: diff, apply, status or rollback.
FILES_ACTION=
ONLY=()
THROUGH_LINKS=

readonly COMMANDS='verify plan files apply status rollback after export rehearse keygen'

usage() {
  cat <<'END'
restore.sh COMMAND [options]

Brings this node back from a signed restore bundle. Nothing of a bundle is unpacked or run before its signature held.

Commands
  verify          check the bundle, this node's key and the payload; change nothing
  plan            say what the bundle is for, and each command that apply would run
  files           what the set of node files in the bundle would change here: /etc/kubernetes and the like; change nothing (--diff)
  files --apply   place those files; what was there is kept. Before apply, where both are needed
  files --status, files --rollback
                  how far that came; bring back the files of before
  apply           restore this node's member; run it on every node of the cluster
  status          how far a restore came on this node
  rollback        bring back what was there before
  after           members, health, hashes and alarms of the restored cluster, and what is left to do by hand
  export --out FILE
                  write the plain, checked snapshot to FILE (0600): it holds every secret of the cluster
  rehearse --data-dir DIR
                  restore into the empty folder DIR, and touch nothing else: a look, or a rehearsal, as it was when it was taken
  keygen [--out FILE] [--name NAME]
                  make this node's age identity, beforehand

Options
  --dir DIR            holds the tar, its .tar.sig, bundle.pub and the payload (default: the current folder)
  --bundle FILE.tar    which tar, where DIR has several
  --fingerprint sha256:HEX
                       of the bundle key, as you were told; blanks and colons between groups may stay
                       (default: /etc/etcd-lifeboat/bundle.fingerprint)
  --payload FILE       the snapshot as stored (default: the plan's file name in DIR)
  --identity FILE      this node's age identity (default: /etc/etcd-lifeboat/node.key)
  --cluster NAME       refuse a bundle of another cluster (default: the name in /etc/etcd-lifeboat/cluster, if that is there)
  --work DIR           where to unpack: a disk that programs may run from (default: DIR)
  --member NAME        which member of the plan this node is (default: as its configuration says)
  --layout static-pod|systemd|bare
                       how etcd runs (default: found)
  --data-dir DIR       etcd's (default: the plan's, else as the configuration says)
  --service NAME       etcd's unit (default: etcd)
  --env-file FILE      with ETCD_* variables, for a bare etcd
  --start PROGRAM, --stop PROGRAM
                       start and stop a bare etcd; PROGRAM is given flags of etcd's to append
  --cacert FILE, --cert FILE, --key FILE
                       for etcdctl (default: as the configuration says)
  --first              apply: restore this member alone; the others come by apply --join, and need no payload
  --join               apply: come clean into the cluster that another node restored by --first
  --only PATH          files: this file of the set, or what is below this folder; may be given more than once
  --through-links      files --apply: write too where a link leads out of the set's folders
  --clear              after: remove what it lists as stale, instead of listing it alone
  --wait SECONDS       how long each step may wait for others (default: 600)
  --root DIR           use DIR as the file system's root
  --help               this

Exit codes
  0 done, 1 unexpected or another restore.sh in the way, 2 usage or something is not there, 3 etcd, 4 verification failed,
  5 the node (space, permission, programs), 6 needs a person, 130 interrupted
END
}

parse_options() {
  local arg
  for arg in "$@"; do
    [[ $arg == --help || $arg == -h ]] || continue
    usage
    exit 0
  done
  while (($# > 0)); do
    if take_node_option "$@"; then
      shift 2
      continue
    fi
    case $1 in
      --dir) take_value "$@" && DIR=$2 ;;
      --bundle) take_value "$@" && TAR=$2 ;;
      --fingerprint) take_value "$@" && FINGERPRINT=$2 ;;
      --payload) take_value "$@" && PAYLOAD=$2 ;;
      --identity) take_value "$@" && IDENTITY=$2 ;;
      --work) take_value "$@" && WORK=$2 ;;
      --out) take_value "$@" && OUT=$2 ;;
      --cluster) take_value "$@" && CLUSTER_OPTION=$2 ;;
      --name) take_value "$@" && NAME=$2 ;;
      --first | --join)
        [[ $WAY == all ]] || refuse 2 "--first and --join, once, and not both" "--first on one node, --join on the others"
        WAY=${1#--}
        shift
        continue
        ;;
      --only)
        take_value "$@"
        [[ $2 == /?* ]] || refuse 2 "--only $2 does not begin with /" "give the path as it is on a node"
        ONLY+=("${2%/}")
        ;;
      --diff | --apply | --status | --rollback)
        [[ -z $FILES_ACTION ]] || refuse 2 "--$FILES_ACTION and $1" "one of them"
        FILES_ACTION=${1#--}
        shift
        continue
        ;;
      --through-links)
        THROUGH_LINKS=yes
        shift
        continue
        ;;
      --clear)
        CLEAR=yes
        shift
        continue
        ;;
      -*) refuse 2 "there is no option ${1%%=*}" "restore.sh --help lists them; a value follows after a blank" ;;
      *)
        [[ -z $COMMAND ]] || refuse 2 "one command at a time: $COMMAND, then $1" "put what has blanks between quotes"
        COMMAND=$1
        shift
        continue
        ;;
    esac
    shift 2
  done
  [[ -n $COMMAND ]] || refuse 2 "no command" "restore.sh --help lists them; begin with verify"
  [[ " $COMMANDS " == *" $COMMAND "* && $COMMAND != *' '* ]] || refuse 2 "there is no command $COMMAND" "commands: $COMMANDS"
  [[ $WAY == all || $COMMAND == apply || $COMMAND == plan ]] || refuse 2 "--$WAY is for apply and plan" "leave it out"
  [[ -z $CLEAR || $COMMAND == after ]] || refuse 2 "--clear is for after" "leave it out"
  [[ -z $FILES_ACTION || $COMMAND == files ]] || refuse 2 "--$FILES_ACTION is for files" "restore.sh files --$FILES_ACTION"
  [[ ${#ONLY[@]} == 0 && -z $THROUGH_LINKS || $COMMAND == files ]] || refuse 2 "--only and --through-links are for files" "leave them out"
  [[ -n $FILES_ACTION ]] || FILES_ACTION='diff'
  [[ -d $DIR ]] || refuse 2 "--dir $DIR is no folder" "give the folder that holds the bundle"
  check_node_options
  [[ -n $IDENTITY ]] || IDENTITY=$ROOT/etc/etcd-lifeboat/node.key
  FILES_STATE=$ROOT/var/lib/etcd-lifeboat/node-files
  [[ -n $WORK ]] || WORK=$DIR
  [[ -d $WORK ]] || refuse 2 "--work $WORK is no folder" "give a folder on a disk that programs may run from"
  # A name that begins with a dash would be taken for an option further on.
  DIR=$(absolute "$DIR")
  WORK=$(absolute "$WORK")
}
