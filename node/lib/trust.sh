# shellcheck shell=bash
# Which bundle key is believed, and whether it signed the tar.

# check_owner FILE: refuses a file that somebody else could have written.
check_owner() {
  local uid mode
  read -r uid mode < <(stat -L -c '%u %a' -- "$1")
  [[ $uid == 0 || $uid == "$EUID" ]] || refuse 5 "$1 belongs to another user (uid $uid)" "find out who wrote it; then chown root it"
  ((!(8#$mode & 8#022))) || refuse 5 "$1 may be changed by others than its owner (mode $mode)" "find out who wrote it; then chmod go-w it"
}

# trusted_fingerprint: sets TRUSTED to the fingerprints that are believed, 64 hex digits each, with a blank around each.
trusted_fingerprint() {
  local pinned=$ROOT/etc/etcd-lifeboat/bundle.fingerprint line typed
  TRUSTED=
  TRUSTED_FROM=
  if [[ -e $pinned ]]; then
    check_owner "$pinned"
    # shellcheck disable=SC2094 # its name is for a message
    while IFS= read -r line || [[ -n $line ]]; do
      [[ -n $line && $line != '#'* ]] || continue
      normal_fingerprint "$line" "$pinned"
      TRUSTED+=" $NORMAL "
    done <"$pinned"
    TRUSTED_FROM=$pinned
  fi
  if [[ -n $FINGERPRINT ]]; then
    normal_fingerprint "$FINGERPRINT" --fingerprint
    typed=" $NORMAL "
    [[ -z $TRUSTED || $TRUSTED == *"$typed"* ]] ||
      refuse 4 "--fingerprint is not the one in $pinned" "ask again which it is; if the bundle key was changed, put the new one into that file"
    TRUSTED=$typed
    TRUSTED_FROM="--fingerprint"
  fi
  [[ -n $TRUSTED ]] ||
    refuse 2 "which bundle key to believe is not known: no --fingerprint, and no $pinned" \
      "ask whoever made the bundle to read the fingerprint to you: lifeboat bundle printed it, lifeboat keys lists it. Do not take it from the bundle"
}

# normal_fingerprint TEXT FROM: sets NORMAL to its 64 hex digits.
normal_fingerprint() {
  NORMAL=${1#sha256:}
  NORMAL=${NORMAL#SHA256:}
  NORMAL=${NORMAL//[$' \t:']/}
  NORMAL=${NORMAL,,}
  is_digest "$NORMAL" || refuse 2 "$2 is no fingerprint: sha256: and 64 hex digits" "copy it whole, between quotes where it has blanks"
}

# check_signature TAR SIGNATURE PUBLIC: refuses unless the believed key signed these bytes.
check_signature() {
  local tar=$1 signature=$2 public=$3 fingerprint
  # One key, in the form that openssl reads as one: a second block in the file would be ignored here, and might not be elsewhere.
  (($(wc -c <"$public") <= 4096)) || refuse 4 "bundle.pub is no public key" "fetch it again"
  fingerprint=$(openssl pkey -pubin -in "$public" -outform DER 2>/dev/null | sha256sum) ||
    refuse 4 "bundle.pub is no public key in PEM" "fetch it again"
  fingerprint=${fingerprint%% *}
  [[ $TRUSTED == *" $fingerprint "* ]] ||
    refuse 4 "bundle.pub is the key sha256:$fingerprint, which $TRUSTED_FROM does not name" \
      "compare that with what you were told, letter by letter. If what you gave is right, do not use these files: find out where they come from, and fetch them again"
  openssl dgst -sha256 -verify "$public" -signature "$signature" "$tar" >/dev/null 2>&1 ||
    refuse 4 "the signature of $TAR_NAME does not hold: it is not what the bundle key signed" "do not unpack it. Fetch the tar and its .sig again"
  SIGNED_BY=$fingerprint
}
