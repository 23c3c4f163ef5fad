# shellcheck shell=bash
# What the script needs of the machine: programs, room, and folders of its own.

# need_tools NAME...
need_tools() {
  local tool
  for tool in "$@"; do
    type -P "$tool" >/dev/null || refuse 5 "$tool is not on PATH" "install coreutils, openssl and tar, or set PATH"
  done
}

# need_space FOLDER BYTES WHAT OPTION
need_space() {
  has_space "$1" "$2" || refuse 5 "$1 has $FREE bytes free, and $2 are needed $3" "make room there, or give $4 another place"
}

# has_space FOLDER BYTES: sets FREE. Where df does not say, there is.
has_space() {
  local -a answer
  read -r -d '' -a answer < <(df -P -B 1 -- "$1" 2>/dev/null) || true
  FREE=${answer[10]-}
  [[ ! $FREE =~ ^[0-9]+$ ]] || ((FREE >= $2))
}

# remove_left_behind BEGINNING: folders BEGINNING.PID.RANDOM of runs that were killed. Nothing else has such names.
remove_left_behind() {
  local each pid
  for each in "$1".*; do
    [[ -d $each && ! -L $each && -O $each ]] || continue
    pid=${each#"$1".}
    pid=${pid%%.*}
    [[ $pid =~ ^[0-9]+$ && ! -d /proc/$pid ]] || continue
    rm -rf -- "$each"
  done
}
