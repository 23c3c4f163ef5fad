# shellcheck shell=bash
# Files of KEY=value lines: docs/format.md, "Restore bundles". Never sourced, nothing is evaluated.

readonly MAX_LINE=4096 MAX_VALUES_FILE=65536

# shellcheck disable=SC2034 # of restore.sh alone
declare -A VALUES=() PLAN=() RECIPIENT=()

# read_values FILE WHAT: puts the lines of FILE into the associative array VALUES.
read_values() {
  local file=$1 what=$2 line key number=0
  local -a strange
  VALUES=()
  (($(wc -c <"$file") <= MAX_VALUES_FILE)) || refuse_values "$what" "it is larger than $MAX_VALUES_FILE bytes"
  # bash drops zero bytes without a word: look at the bytes first.
  read -r -a strange < <(tr -d '\n -~' <"$file" | wc -c)
  ((strange[0] == 0)) || refuse_values "$what" "it has bytes that are no printable ASCII"
  [[ -s $file && -z $(tail -c 1 "$file") ]] || refuse_values "$what" "its last line has no end"
  while IFS= read -r line; do
    number=$((number + 1))
    ((${#line} <= MAX_LINE)) || refuse_values "$what" "line $number is longer than $MAX_LINE bytes"
    [[ $line =~ ^[A-Z][A-Z0-9_]*= ]] || refuse_values "$what" "line $number"
    key=${line%%=*}
    line=${line#*=}
    [[ $line != ' '* && $line != *' ' ]] || refuse_values "$what" "$key has a blank at its end"
    [[ -z ${VALUES[$key]+there} ]] || refuse_values "$what" "$key is there twice"
    VALUES[$key]=$line
  done <"$file"
}

refuse_values() { refuse 4 "$1 is not KEY=value lines: $2" "do not use this bundle; make another one"; }

# Whether a value has a form. Numbers are whole, without leading zeros, and fit into the shell's.
is_number() { [[ $1 =~ ^(0|[1-9][0-9]{0,17})$ ]]; }
is_digest() { [[ $1 =~ ^[0-9a-f]{64}$ ]]; }
is_cluster() { [[ $1 =~ ^[a-z0-9][a-z0-9._-]{0,62}$ ]]; }
is_snapshot() { [[ $1 =~ ^[0-9]{8}T[0-9]{6}Z$ ]]; }
is_file_name() { [[ $1 =~ ^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$ ]]; }
is_member() { [[ $1 =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$ ]]; }
is_path() { [[ $1 =~ ^/[A-Za-z0-9._/@:+-]*$ && /$1/ != */../* ]]; }
is_layout() { [[ $1 == auto || $1 == static-pod || $1 == systemd || $1 == bare ]]; }
is_unit() { [[ $1 =~ ^[A-Za-z0-9][A-Za-z0-9._@:-]{0,199}$ ]]; }

# One or more URLs with commas between.
are_urls() { [[ $1, =~ ^(https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]*):[0-9]{1,5},)+$ ]]; }
