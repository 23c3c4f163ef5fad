# shellcheck shell=bash
# What the options of both scripts need.

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
