# shellcheck shell=bash
# The control tar: read by its headers before tar sees it, and unpacked only where it holds regular files alone.

readonly MAX_TAR_BYTES=268435456 MAX_ENTRIES=100
readonly ENTRY_NAME='^bundle/((lib|bin)/)?[A-Za-z0-9_-][A-Za-z0-9._-]*$'
readonly REQUIRED='plan recipient manifest.json identity.age NEXT-STEPS.txt restore.sh bin/age bin/etcdctl bin/etcdutl bin/unzstd LICENSES.txt SHA256SUMS'

# By openssl, which takes a seventh of the time that sha256sum does where that knows no instructions for it.
digest_of() {
  local sum
  sum=$(openssl dgst -sha256 <"$1")
  printf '%s' "${sum##*= }"
}

refuse_tar() { refuse 4 "$TAR_NAME is signed, but no control tar: $1" "do not unpack it. Make the bundle again, and tell whoever holds the bundle key"; }

# check_archive TAR: every header is that of a regular file as lifeboat packs it, and nothing follows the end. Sets ENTRIES to their names.
check_archive() {
  local tar=$1 bytes at=0 size
  bytes=$(wc -c <"$tar")
  ((bytes <= MAX_TAR_BYTES && bytes % 512 == 0)) || refuse_tar "its size"
  ENTRIES=()
  while :; do
    ((at * 512 < bytes)) || refuse_tar "it has no end"
    read_header "$tar" "$at"
    [[ -n $ENTRY ]] || break
    size=$ENTRY_BYTES
    ((${#ENTRIES[@]} < MAX_ENTRIES)) || refuse_tar "it has more than $MAX_ENTRIES files"
    [[ " ${ENTRIES[*]-} " != *" $ENTRY "* ]] || refuse_tar "$ENTRY is in it twice"
    ENTRIES+=("$ENTRY")
    at=$((at + 1 + (size + 511) / 512))
  done
  ((bytes == (at + 2) * 512)) || refuse_tar "something stands behind its end"
  read_header "$tar" $((at + 1))
  [[ -z $ENTRY ]] || refuse_tar "something stands behind its end"
}

# read_header TAR BLOCK: sets ENTRY and ENTRY_BYTES; ENTRY is empty for a block of zeros.
read_header() {
  ENTRY='' ENTRY_BYTES=0
  read_block "$1" "$2" || refuse_tar "it is cut"
  ! are_zeros 0 512 || return 0
  text_at 0 100 || refuse_tar "a name of two parts"
  [[ $TEXT =~ $ENTRY_NAME ]] || refuse_tar "an entry has a name that no bundle has"
  ENTRY=$TEXT
  # Type 0: a regular file. Every other one (links, devices, folders, pax and GNU headers) is refused.
  ((BYTE[156] == 48)) || refuse_tar "$ENTRY is no regular file"
  is_ustar || refuse_tar "$ENTRY has no ustar header"
  # Link, owner, group, device and prefix are empty.
  are_zeros 157 100 || refuse_tar "$ENTRY is a link"
  are_zeros 265 247 || refuse_tar "$ENTRY has more in its header than a name"
  number_at 124 12 || refuse_tar "the size of $ENTRY is no number"
  ENTRY_BYTES=$NUMBER_THERE
}

# unpack TAR FOLDER: sets UNPACKED to the folder bundle in it, once every file is there and is what SHA256SUMS says.
unpack() {
  local tar=$1 folder=$2 name line sums=''
  local -a listed=()
  for name in $REQUIRED; do
    [[ " ${ENTRIES[*]} " == *" bundle/$name "* ]] || refuse_tar "it has no bundle/$name"
  done
  tar -x -f "$tar" -C "$folder" --no-same-owner --no-same-permissions 2>"$folder/tar.err" ||
    refuse 5 "tar could not unpack $TAR_NAME in $WORK" "look for space and permission there, or give --work another folder"
  UNPACKED=$folder/bundle
  for name in "${ENTRIES[@]}"; do
    [[ -f $folder/$name && ! -L $folder/$name ]] || refuse_tar "tar did not make a file of $name"
  done
  # The sums name every file once, but themselves.
  while IFS= read -r line; do
    [[ $line =~ ^[0-9a-f]{64}\ \ [A-Za-z0-9._/-]+$ && " ${ENTRIES[*]} " == *" bundle/${line:66} "* ]] || refuse_tar "SHA256SUMS"
    listed+=("${line:66}")
    sums+="${line:0:64} *${line:66}"$'\n'
  done <"$UNPACKED/SHA256SUMS"
  ((${#listed[@]} == ${#ENTRIES[@]} - 1)) || refuse_tar "SHA256SUMS does not name every file"
  # One process for all of them.
  [[ $(cd -- "$UNPACKED" && openssl dgst -sha256 -r "${listed[@]}" 2>/dev/null)$'\n' == "$sums" ]] || refuse_tar "SHA256SUMS does not fit the files"
  [[ $(digest_of "$UNPACKED/plan") == "$(recipient_says PLAN_SHA256)" ]] || refuse_tar "the plan is not the one that the recipient's file names"
  chmod 0700 "$UNPACKED"/bin/* "$UNPACKED/restore.sh"
}

# recipient_says KEY: a look at one line before the file is read properly.
recipient_says() {
  local line
  while IFS= read -r line; do
    [[ $line != "$1="* ]] || printf '%s' "${line#*=}"
  done <"$UNPACKED/recipient"
}
