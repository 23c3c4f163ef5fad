# shellcheck shell=bash
# The set of node files in a bundle: this node's /etc/kubernetes and the like, as collect.sh sent them. Read by its headers before tar sees it. docs/format.md, "Node files".

readonly MAX_SET_BYTES=67108864 MAX_SET_FILE_BYTES=16777216 MAX_SET_ENTRIES=4096 MAX_SET_PATH=255
# What restore.sh itself believes and works with, and what is no disk.
readonly NEVER_PLACED='^/(etc/etcd-lifeboat|var/lib/etcd-lifeboat|proc|sys|dev|run)(/|$)'

# One for each entry but the first: its path on a node (without --root), its type (file or folder), bytes, mode (octal, no leading zero) and owner (UID:GID).
declare -a SET_PATH=() SET_TYPE=() SET_BYTES=() SET_MODE=() SET_OWNER=()
# By path: its number in the arrays above.
declare -A SET_HAS=()
SET_FOLDER='' SET_DIGEST='' SET_TIME=''

refuse_set() {
  refuse 4 "the node files in $TAR_NAME are not as collect.sh packs them: $1" "place nothing by hand. Look at the set where the bundle was made (lifeboat node-files show), add another one, and make the bundle again"
}

# open_set: sets the names above, and SET_FOLDER to the folder that holds the files. Needs open_bundle before it.
open_set() {
  local sealed=$UNPACKED/node-files.age tar=$SCRATCH/node-files.tar key
  [[ -f $sealed ]] ||
    refuse 2 "there are no node files in $TAR_NAME" "restore.sh apply works without them; lifeboat node-files ls says for which nodes the store has some, and lifeboat bundle why it left them out"
  [[ -f $IDENTITY ]] || refuse 2 "there is no identity in $IDENTITY" "give --identity FILE: what restore.sh keygen made on this node"
  need_space "$SCRATCH" $(($(wc -c <"$sealed") * 2)) "for the node files" "--work"
  "$UNPACKED/bin/age" -d -i "$IDENTITY" "$sealed" 2>"$SCRATCH/age.err" | head -c $((MAX_SET_BYTES + 1)) >"$tar" ||
    [[ $(wc -c <"$tar") -gt $MAX_SET_BYTES ]] ||
    refuse 4 "$IDENTITY does not open the node files, which are for ${RECIPIENT[RECIPIENT]} (${RECIPIENT[RECIPIENT_KEY]})" "take this node's own tar, or the identity that belongs to that recipient"
  read_set "$tar"
  unpack_set "$tar" "$SCRATCH/node-files"
  SET_DIGEST=$(digest_of "$tar")
  rm -f -- "$tar"
  read_values "$SCRATCH/node-files/node-files" "the first entry of the node files in $TAR_NAME"
  for key in VERSION CLUSTER NODE COLLECTED_AT; do [[ -n ${VALUES[$key]-} ]] || refuse_set "they do not say $key"; done
  [[ ${VALUES[VERSION]} == 1 ]] || refuse 4 "the node files have version ${VALUES[VERSION]}, and this restore.sh reads 1" "use the restore.sh that came with the bundle"
  [[ ${VALUES[CLUSTER]} == "${PLAN[CLUSTER]}" ]] || refuse_set "they are of the cluster ${VALUES[CLUSTER]}, and the bundle is of ${PLAN[CLUSTER]}"
  [[ ${VALUES[NODE]} == "${RECIPIENT[RECIPIENT]}" ]] || refuse_set "they are those of ${VALUES[NODE]}, and the bundle is for ${RECIPIENT[RECIPIENT]}"
  SET_TIME=${VALUES[COLLECTED_AT]}
  [[ ${SET_TIME//[-:]/} == "${RECIPIENT[NODE_FILES]-}" ]] || refuse_set "they were collected at $SET_TIME, and the bundle says ${RECIPIENT[NODE_FILES]:-nothing of them}"
  SET_FOLDER=$SCRATCH/node-files/files
}

# read_set TAR: every header, before anything is unpacked.
read_set() {
  local tar=$1 bytes at=0 left
  bytes=$(wc -c <"$tar")
  ((bytes <= MAX_SET_BYTES)) || refuse_set "they are larger than $MAX_SET_BYTES bytes"
  ((bytes % 512 == 0)) || refuse_set "the archive is cut"
  SET_PATH=() SET_TYPE=() SET_BYTES=() SET_MODE=() SET_OWNER=() SET_HAS=()
  while :; do
    ((at * 512 < bytes)) || refuse_set "the archive has no end"
    read_block "$tar" "$at" || refuse_set "the archive is cut"
    ! are_zeros 0 512 || break
    read_set_header "$at"
    at=$((at + 1 + (ENTRY_BYTES + 511) / 512))
    ((${#SET_PATH[@]} <= MAX_SET_ENTRIES)) || refuse_set "there are more than $MAX_SET_ENTRIES entries"
  done
  # tar fills up its last record with zero bytes.
  read -r -a left < <(tail -c +$((at * 512 + 1)) -- "$tar" | tr -d '\0' | wc -c)
  ((left[0] == 0)) || refuse_set "something stands behind the archive's end"
  ((${#SET_PATH[@]} > 0)) || refuse_set "they are none"
}

# read_set_header BLOCK: of the block that read_block has read. Sets ENTRY_BYTES, and adds to the arrays.
read_set_header() {
  local name type=file
  text_at 345 155 || refuse_set "a prefix that is no text"
  name=$TEXT
  text_at 0 100 || refuse_set "a name that is no text"
  name=${name:+$name/}$TEXT
  [[ $name != *[[:cntrl:]]* ]] || refuse_set "a name with control characters"
  { is_ustar && sum_holds; } || refuse_set "a header that is none of ustar"
  case ${BYTE[156]} in
    48) ;;
    53) type=folder name=${name%/} ;;
    *) refuse_set "$name is neither a regular file nor a folder" ;;
  esac
  are_zeros 157 100 || refuse_set "$name is a link"
  number_at 124 12 || refuse_set "the size of $name is no number"
  ENTRY_BYTES=$NUMBER_THERE
  ((ENTRY_BYTES <= MAX_SET_FILE_BYTES)) || refuse_set "$name is larger than $MAX_SET_FILE_BYTES bytes"
  if (($1 == 0)); then
    [[ $name == node-files && $type == file ]] || refuse_set "the first entry is not node-files"
    return 0
  fi
  [[ $type == file ]] || ((ENTRY_BYTES == 0)) || refuse_set "the folder $name has bytes"
  # The folder of all others.
  [[ $name != files || $type == file ]] || return 0
  is_set_path "$name" || refuse_set "a path that leads elsewhere, or that is longer than $MAX_SET_PATH bytes"
  name=${name#files}
  [[ -z ${SET_HAS[$name]-} ]] || refuse_set "$name is there twice"
  SET_HAS[$name]=${#SET_PATH[@]}
  SET_PATH+=("$name") SET_TYPE+=("$type") SET_BYTES+=("$ENTRY_BYTES")
  number_at 100 8 || refuse_set "the mode of $name is no number"
  ((NUMBER_THERE <= 8#777)) || refuse_set "the mode of $name is more than permissions"
  printf -v name '%o' "$NUMBER_THERE"
  SET_MODE+=("$name")
  number_at 108 8 || refuse_set "an owner that is no number"
  name=$NUMBER_THERE
  number_at 116 8 || refuse_set "a group that is no number"
  SET_OWNER+=("$name:$NUMBER_THERE")
}

# is_set_path NAME: below files/, without parts that are empty or lead upwards.
is_set_path() { [[ $1 == files/?* && ${#1} -le $MAX_SET_PATH && $1 != */ && $1/ != *//* && $1/ != */./* && $1/ != */../* ]]; }

# unpack_set TAR FOLDER
unpack_set() {
  local i folder=$2
  mkdir -m 700 -- "$folder" || refuse 5 "$folder cannot be made" "give --work another folder"
  tar -x -f "$1" -C "$folder" --no-same-owner --no-same-permissions 2>"$SCRATCH/tar.err" ||
    refuse 5 "tar could not unpack the node files in $WORK: $(why "$SCRATCH/tar.err")" "look for space and permission there, or give --work another folder"
  for ((i = 0; i < ${#SET_PATH[@]}; i++)); do
    [[ ! -L $folder/files${SET_PATH[i]} ]] || refuse_set "tar made a link of ${SET_PATH[i]}"
    if [[ ${SET_TYPE[i]} == folder ]]; then
      [[ -d $folder/files${SET_PATH[i]} ]] || refuse_set "tar made no folder of ${SET_PATH[i]}"
    else
      [[ -f $folder/files${SET_PATH[i]} ]] || refuse_set "tar made no file of ${SET_PATH[i]}"
    fi
  done
}
