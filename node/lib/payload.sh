# shellcheck shell=bash
# The snapshot as it is stored, and the way to the plain file.

# find_payload: sets PAYLOAD to an absolute path; whether it is there.
find_payload() {
  [[ -n $PAYLOAD ]] || PAYLOAD=$DIR/${PLAN[PAYLOAD_FILE]}
  PAYLOAD=$(absolute_file "$PAYLOAD")
  [[ -n $PAYLOAD && -f $PAYLOAD ]]
}

# check_payload: size and digest, before anything of it is decrypted.
check_payload() {
  local bytes
  find_payload ||
    refuse 2 "the payload is not there: ${PAYLOAD:-a file in a folder that is not there either}" \
      "fetch ${PLAN[PAYLOAD_KEY]-} from the store, by the link that came with the bundle, or give --payload FILE"
  bytes=$(wc -c <"$PAYLOAD") || refuse 5 "$PAYLOAD cannot be read" "run this as root"
  [[ $bytes == "${PLAN[PAYLOAD_BYTES]}" ]] ||
    refuse 4 "$PAYLOAD has $bytes bytes, and ${PLAN[PAYLOAD_BYTES]} are signed" "fetch it again"
  [[ $(digest_of "$PAYLOAD") == "${PLAN[PAYLOAD_SHA256]}" ]] || refuse 4 "$PAYLOAD is not the file that is signed: another SHA-256" "fetch it again"
}

# write_snapshot FILE: decrypts into FILE, which this makes, and refuses unless it is what etcd sent. FILE may hold anything where it does not return.
write_snapshot() {
  local sum
  # One stream. The identity goes through a pipe.
  sum=$(decrypt_payload | "$UNPACKED/bin/unzstd" --output "$1" 2>"$SCRATCH/unzstd.err") || refuse_snapshot "$1"
  check_size "$1"
  [[ $sum == "${PLAN[SNAPSHOT_SHA256]}" ]] || refuse_other
}

# write_for_etcdutl FILE: the same for etcdutl, whose hash check holds what it restores against the trailer: that the trailer is the signed one is looked at here, and no byte is hashed twice.
write_for_etcdutl() {
  { decrypt_payload | "$UNPACKED/bin/unzstd" 2>"$SCRATCH/unzstd.err" >"$1"; } 2>/dev/null || refuse_snapshot "$1"
  check_size "$1"
  check_trailer "$1"
}

decrypt_payload() { "$UNPACKED/bin/age" -d -i <(printf '%s\n' "$SNAPSHOT_IDENTITY") "$PAYLOAD" 2>"$SCRATCH/age.err"; }

check_size() { [[ $(wc -c <"$1") == "${PLAN[SNAPSHOT_BYTES]}" ]] || refuse_other; }

# check_trailer FILE: whether its last 32 bytes, the SHA-256 of those before, are the signed ones.
check_trailer() {
  local trailer
  trailer=$(tail -c 32 -- "$1" | od -An -v -tx1 | tr -d ' \n')
  [[ $trailer == "${PLAN[SNAPSHOT_TRAILER]}" ]] || refuse_other
}

refuse_other() { refuse 4 "what the payload holds is not the snapshot that is signed" "take another snapshot, and tell whoever runs the backups"; }

refuse_snapshot() {
  local said
  said=$(why "$SCRATCH/unzstd.err")
  [[ $said != *'cannot write'* ]] || refuse 5 "${1%/*} could not take the snapshot: ${said#*cannot write: }" "make room, or give another place"
  [[ ! -s $SCRATCH/age.err ]] || refuse 4 "the payload cannot be decrypted with the identity in $TAR_NAME" "make the bundle again; if that does not help, take another snapshot"
  refuse 4 "the payload is no zstd stream, or a cut one" "take another snapshot, and tell whoever runs the backups"
}

# export_snapshot FILE: the plain snapshot. FILE appears when it is whole and checked; nothing is overwritten.
export_snapshot() {
  local out folder aside each pid
  out=$(absolute_file "$1")
  [[ -n $out && ${1: -1} != / ]] || refuse 2 "--out $1 is in a folder that is not there" "make the folder first: mkdir -m 700"
  [[ ! -e $out && ! -L $out ]] || refuse 2 "$out is there already, and is not overwritten" "give --out another name, or move that file away"
  folder=${out%/*}
  for each in "$folder/.${out##*/}.lifeboat".*; do
    [[ -f $each && ! -L $each && -O $each ]] || continue
    pid=${each#"$folder/.${out##*/}.lifeboat."}
    pid=${pid%%.*}
    # Of a run that was killed.
    [[ $pid =~ ^[0-9]+$ && ! -d /proc/$pid ]] && rm -f -- "$each"
  done
  need_space "${folder:-/}" "${PLAN[SNAPSHOT_BYTES]}" "for the plain snapshot" "--out"
  aside=$(mktemp "$folder/.${out##*/}.lifeboat.$$.XXXXXXXX" 2>/dev/null) || refuse 5 "no file can be made in ${folder:-/}" "give --out another folder"
  remove_at_end "$aside"
  write_snapshot "$aside"
  # Before it has its name.
  settle "$aside"
  # A link fails where the name is taken; some file systems have none.
  ln -T -- "$aside" "$out" 2>/dev/null || { [[ ! -e $out ]] && mv -n -T -- "$aside" "$out" && [[ ! -e $aside ]]; } ||
    refuse 2 "$out appeared meanwhile, and is not overwritten" "give --out another name"
  say "$out: the plain snapshot ${PLAN[CLUSTER]}/${PLAN[SNAPSHOT]}, ${PLAN[SNAPSHOT_BYTES]} bytes, SHA-256 as signed"
  say "It holds every secret of the cluster. Remove it (shred -u) once it is restored."
  [[ ${PLAN[FOR]} == etcd ]] || say "NEXT-STEPS.txt in $TAR_NAME has the lines for ${PLAN[FOR]}."
}
