# shellcheck shell=bash
# What was done on this node, so that a run that was killed can be gone on with, or taken back.
# Lines of three words, appended: "set KEY VALUE", "begin STEP SECONDS", "end STEP SECONDS". A last line without its end is as if it were not there.

declare -A KEPT=() STEP_ENDED=() STEP_BEGAN=()

# read_journal [FOLDER]: fills the tables above from the journal there, or in STATE; they stay empty where there is none.
# shellcheck disable=SC2120 # member.sh reads no other
read_journal() {
  local kind key value folder=${1:-$STATE}
  KEPT=() STEP_ENDED=() STEP_BEGAN=()
  [[ -f $folder/journal ]] || return 0
  while read -r kind key value; do
    [[ $key =~ ^[A-Za-z_-]+$ ]] || continue
    case $kind in
      set) KEPT[$key]=$value ;;
      begin) STEP_BEGAN[$key]=$value ;;
      end) STEP_ENDED[$key]=$value ;;
    esac
  done <"$folder/journal"
}

journal() {
  # A line that a power cut, or a full disk, left without its end stays for itself.
  local line="$*"
  [[ ! -s $STATE/journal || -z $(tail -c 1 "$STATE/journal") ]] || line=$'\n'$line
  printf '%s\n' "$line" | dd of="$STATE/journal" oflag=append conv=notrunc,fsync 2>/dev/null ||
    refuse 5 "$STATE/journal cannot be written" "make room there, or make it writable; then run the same command again"
}

keep() {
  KEPT[$1]=$2
  journal set "$1" "$2"
}

step_begins() { journal begin "$1" "$(date +%s)"; }

step_ended() {
  STEP_ENDED[$1]=$(date +%s)
  journal end "$1" "${STEP_ENDED[$1]}"
}

# rename FROM TO: refuses where that cannot be done. Nothing is changed then.
rename() {
  local why
  why=$(mv -T -- "$1" "$2" 2>&1) || refuse 5 "$1 cannot be renamed: ${why:0:300}" "look whether the disk is mounted, whether it is read-only, and what is in the way; then run the same command again"
}

# copy FROM TO: with owner, mode, times and context; refuses where that cannot be done.
copy() {
  local why
  why=$(cp -a -T -- "$1" "$2" 2>&1) || refuse 5 "$1 cannot be copied to $2: ${why:0:300}" "look whether the disk is full or read-only, and what is in the way; then run the same command again"
}

# settle PATH...: files and folders, to the disk. coreutils before 8.24 take no names and sync everything, which is slower.
settle() {
  local why
  why=$(sync -- "$@" 2>&1) || refuse 5 "$1 cannot be written to the disk: ${why:0:300}" "look at the disk; then run the same command again"
}

# take_lock: one restore.sh or member.sh at a time. The lock is a link that names its owner, made in one go; that of a process which is gone is inherited by one other, by a link that names the dead.
take_lock() {
  local owner me
  process_mark "$$"
  me=$MARK
  mkdir -p -- "$STATE" 2>/dev/null || refuse 5 "$STATE cannot be made" "run this as root"
  [[ -w $STATE ]] || refuse 5 "$STATE cannot be written to" "make it writable: is its disk mounted read-only? Then run the same command again"
  if ! ln -s -T -- "$me" "$STATE/lock" 2>/dev/null; then
    owner=$(lock_owner) || refuse 1 "another restore.sh just ended" "try again"
    process_mark "${owner%%-*}"
    [[ $MARK != "$owner" ]] || refuse 1 "another restore.sh or member.sh is at work here (process ${owner%%-*})" "wait until it ends: $PROGRAM $PROGRESS"
    ln -s -T -- "$me" "$STATE/heir.$owner" 2>/dev/null || refuse 1 "another restore.sh just began" "wait until it ends: $PROGRAM $PROGRESS"
  fi
  remove_at_end "$STATE/lock"
  local each
  for each in "$STATE"/heir.*; do [[ ! -L $each ]] || remove_at_end "$each"; done
}

# lock_owner: prints the mark of the process that has, or had, the lock; fails where there is none.
lock_owner() {
  local owner
  owner=$(readlink -- "$STATE/lock") || return 1
  while [[ -L $STATE/heir.$owner ]]; do owner=$(readlink -- "$STATE/heir.$owner") || return 1; done
  printf '%s' "$owner"
}

# is_at_work: whether a restore.sh or member.sh has the lock and lives. Sets WORKER to its process id.
is_at_work() {
  local owner
  owner=$(lock_owner 2>/dev/null) || return 1
  WORKER=${owner%%-*}
  process_mark "$WORKER"
  [[ $MARK == "$owner" ]]
}

# process_mark PID: sets MARK to what no other process will have; empty where there is none.
process_mark() {
  local line
  local -a words
  MARK=
  [[ $1 =~ ^[0-9]+$ ]] && { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
  # What follows the name, which may hold blanks and brackets: state is the first, the start time the twentieth.
  read -r -a words < <(printf '%s\n' "${line##*) }")
  MARK=$1-${words[19]}-$(cat /proc/sys/kernel/random/boot_id)
}

# refuse_begun_by SCRIPT WHAT: where that one began WHAT here, and it did not end.
refuse_begun_by() {
  [[ -z $2 || -n ${KEPT[DONE]-} || ${KEPT[ROLLBACK]-} == done ]] ||
    refuse 6 "$1 $2 was begun here, and did not end" "run it again, or $1 rollback"
}
