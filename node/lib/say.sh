# shellcheck shell=bash
# What the script (PROGRAM) prints, how it ends, and what it takes away when it does.

# Exit codes, the families of the command lifeboat:
#   0 done
#   1 unexpected, or another restore.sh or member.sh was in the way
#   2 usage, or something named is not there
#   3 etcd did not do what it must
#   4 verification failed: not what was signed, not for this node, or out of date
#   5 the node: no space, no permission, a program that is missing or does not run
#   6 needs a person
#   130 interrupted

# Files and folders that end with this process.
declare -a TO_REMOVE=()
ENDING=

say() { printf '%s\n' "$*"; }
note() { printf '%s: %s\n' "$PROGRAM" "$*" >&2; }
warn() { printf '%s: warning: %s\n' "$PROGRAM" "$*" >&2; }

# refuse CODE MESSAGE [NEXT STEP]: ends the script. To be called in the script's own shell, never within $(...).
refuse() {
  printf '%s: %s\n' "$PROGRAM" "$2" >&2
  [[ -z ${3-} ]] || printf '  next: %s\n' "$3" >&2
  ENDING=refused
  exit "$1"
}

# why FILE: the last line of what a program said on stderr; those before it are its log.
why() { tail -n 1 -- "$1" | head -c 300; }

remove_at_end() { TO_REMOVE+=("$1"); }

catch_signals() {
  trap 'unexpected "$?" "${BASH_SOURCE[0]##*/}" "$LINENO"' ERR
  trap 'clean_up' EXIT
  trap 'interrupted INT' INT
  trap 'interrupted TERM' TERM
  trap 'interrupted HUP' HUP
}

# Says where; never the words of the command, which may be secret.
unexpected() {
  [[ -z $ENDING && $BASHPID == "$$" ]] || exit "$1"
  ENDING=unexpected
  printf '%s: unexpected: %s, line %s, ended with %s\n' "$PROGRAM" "$2" "$3" "$1" >&2
  exit 1
}

interrupted() {
  [[ $BASHPID == "$$" ]] || exit 130
  ENDING=interrupted
  printf '%s: interrupted by SIG%s\n' "$PROGRAM" "$1" >&2
  exit 130
}

clean_up() {
  local code=$?
  [[ $BASHPID == "$$" ]] || exit "$code"
  trap '' INT TERM HUP
  trap - ERR
  local each
  for each in ${TO_REMOVE[@]+"${TO_REMOVE[@]}"}; do rm -rf -- "$each" || true; done
  exit "$code"
}
