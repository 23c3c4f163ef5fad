# shellcheck shell=bash
# From files in a folder to a plan that is believed.

UNPACKED=
TAR_NAME=
PLAN_DIGEST=
CLUSTER_IS_KNOWN=

# open_bundle: finds the files, checks the signature, unpacks into a folder that ends with this process, reads and checks the plan.
open_bundle() {
  local folder copy public signature
  need_tools openssl tar sha256sum od dd mktemp stat df readlink uname
  find_tar
  public=$DIR/bundle.pub signature=$TAR.sig
  [[ -f $signature ]] || refuse 2 "there is no $signature" "fetch it; it comes with the tar"
  [[ -f $public ]] || refuse 2 "there is no $public" "fetch it; it comes with the tar, and its fingerprint is checked"
  trusted_fingerprint
  remove_left_behind "$WORK/.lifeboat-restore"
  folder=$(mktemp -d "$WORK/.lifeboat-restore.$$.XXXXXXXX" 2>/dev/null) || refuse 5 "no folder can be made in $WORK" "give --work a folder of yours"
  remove_at_end "$folder"
  copy=$folder/control.tar
  need_space "$folder" $(($(wc -c <"$TAR") * 2)) "to unpack $TAR_NAME" "--work"
  # A copy of our own: what is checked is what is unpacked, whoever else may write to DIR.
  { cp -- "$TAR" "$copy" && cp -- "$signature" "$folder/control.sig" && cp -- "$public" "$folder/bundle.pub"; } 2>/dev/null ||
    refuse 5 "$TAR could not be copied to $WORK" "look for space and permission there"
  check_signature "$copy" "$folder/control.sig" "$folder/bundle.pub"
  check_archive "$copy"
  unpack "$copy" "$folder"
  rm -f -- "$copy"
  SCRATCH=$folder ETCDCTL=$UNPACKED/bin/etcdctl
  read_plan
  [[ ${RECIPIENT[PLAN_SHA256]-} == "$PLAN_DIGEST" ]] || refuse_tar "the plan is not the one that the recipient's file names"
  [[ $(digest_of "$UNPACKED/manifest.json") == "${PLAN[MANIFEST_SHA256]}" ]] || refuse_tar "the manifest is not the one that the plan names"
  check_plan
  "$UNPACKED/bin/age" --version >/dev/null 2>&1 ||
    refuse 5 "programs of the bundle do not run in $WORK" "is it mounted noexec? Give --work a folder on another disk"
}

find_tar() {
  local -a tars
  if [[ -z $TAR ]]; then
    tars=("$DIR"/*.tar)
    [[ -e ${tars[0]} ]] || refuse 2 "there is no .tar in $DIR" "give --dir the folder that holds the bundle"
    ((${#tars[@]} == 1)) || refuse 2 "there are several tars in $DIR: ${tars[*]##*/}" "name this node's: --bundle FILE.tar"
    TAR=${tars[0]}
  elif [[ ! -f $TAR && -f $DIR/$TAR ]]; then
    TAR=$DIR/$TAR
  fi
  [[ -f $TAR ]] || refuse 2 "there is no $TAR" "give --bundle the control tar of this node"
  TAR=$(absolute_file "$TAR")
  TAR_NAME=${TAR##*/}
}
