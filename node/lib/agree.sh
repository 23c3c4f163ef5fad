# shellcheck shell=bash
# Whether members hold the same, by HashKV at one revision.

# members_agree: whether every member that is compared (COMPARED: NAME=URL of each) has one hash. Sets MISSING to the name of one that does not answer yet, or that differs.
members_agree() {
  local each first='' now='' count=0
  if [[ -n $COMPARE_NOW ]]; then
    status_of "${OWN_CLIENT_URLS%%,*}"
    now=$STATUS_REVISION MISSING=$MEMBER
    [[ -n $now ]] || return 1
  fi
  for each in $COMPARED; do
    MISSING=${each%%=*}
    hash_of "${each#*=}" "$now"
    # API servers that run again compact what there was at first.
    [[ -n $HASH || -n $now ]] || ! is_compacted || COMPARE_NOW=yes
    [[ -n $HASH ]] || return 1
    [[ -n $first ]] || first=$HASH
    [[ $HASH == "$first" ]] || { HASHES_DIFFER=$((HASHES_DIFFER + 1)); return 1; }
    count=$((count + 1))
  done
  AGREED=$first AGREED_COUNT=$count
}

is_compacted() {
  local said
  said=$(head -c 2000 "$SCRATCH/hashkv.err")
  [[ $said == *compacted* ]]
}
