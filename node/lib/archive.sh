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

# read_header TAR BLOCK: sets ENTRY and ENTRY_BYTES; ENTRY is empty for a block of zeros. POSIX ustar: IEEE Std 1003.1-1988.
read_header() {
  local -a byte
  local name='' octal='' i
  ENTRY='' ENTRY_BYTES=0
  # One byte a field: bash holds no zero bytes.
  read -r -d '' -a byte < <(od -An -v -tu1 -j $(($2 * 512)) -N 512 -- "$1" 2>/dev/null) || true
  ((${#byte[@]} == 512)) || refuse_tar "it is cut"
  are_zeros 0 512 || ENTRY=none
  [[ -n $ENTRY ]] || return 0
  for ((i = 0; i < 100 && byte[i] != 0; i++)); do
    # shellcheck disable=SC2059 # the format is three octal digits
    printf -v octal "\\$((byte[i] / 64))$((byte[i] / 8 % 8))$((byte[i] % 8))"
    name+=$octal
  done
  are_zeros "$i" $((100 - i)) || refuse_tar "a name of two parts"
  [[ $name =~ $ENTRY_NAME ]] || refuse_tar "an entry has a name that no bundle has"
  # Type 0: a regular file. Every other one (links, devices, folders, pax and GNU headers) is refused.
  ((byte[156] == 48)) || refuse_tar "$name is no regular file"
  [[ "${byte[*]:257:8}" == '117 115 116 97 114 0 48 48' ]] || refuse_tar "$name has no ustar header"
  # Link, owner, group, device and prefix are empty.
  are_zeros 157 100 || refuse_tar "$name is a link"
  are_zeros 265 247 || refuse_tar "$name has more in its header than a name"
  octal=''
  for ((i = 124; i < 135; i++)); do
    ((byte[i] >= 48 && byte[i] <= 55)) || refuse_tar "the size of $name is no number"
    octal+=$((byte[i] - 48))
  done
  ENTRY=$name
  ENTRY_BYTES=$((8#$octal))
}

# are_zeros FROM COUNT: of the block that read_header has in byte.
are_zeros() { [[ "${byte[*]:$1:$2}" != *[1-9]* ]]; }

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
