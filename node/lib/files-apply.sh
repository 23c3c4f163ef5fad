# shellcheck shell=bash
# files --apply, --status and --rollback. They have a journal and a state folder of their own (FILES_STATE), and the lock of apply.

# The steps, in order. Each may be begun again after it was killed anywhere: it looks at what is there.
readonly FILES_STEPS='keep folders place check'

# What is to be done, from the file `list` in the state folder. LIST_KIND: replace or make (a file), or folder.
declare -a LIST_KIND=() LIST_PATH=() LIST_PLACE=()

run_files() {
  case $FILES_ACTION in
    apply) run_files_apply ;;
    status) run_files_status ;;
    rollback) run_files_rollback ;;
    *) run_files_diff ;;
  esac
}

run_files_diff() {
  open_bundle
  open_set
  compare_set
  say_set
  say_differences
  say_restarts
}

run_files_apply() {
  open_bundle
  [[ -n $ROOT || $EUID == 0 ]] || refuse 5 "files --apply must be run as root" "sudo"
  open_set
  enter_files_state
  [[ ${KEPT[ROLLBACK]-} != begun ]] || refuse 6 "a rollback of node files was begun here and did not end" "run restore.sh files --rollback again first"
  if files_are_begun; then
    [[ ${KEPT[SET]} == "$SET_DIGEST" && ${KEPT[ONLY]-} == "$(only_text)" ]] ||
      refuse 6 "other node files were begun here, collected ${KEPT[COLLECTED_AT]-}" "end that with its own bundle and the same --only, or run restore.sh files --rollback"
    note "going on with what was begun"
    read_list
  else
    compare_set
    say_set
    refuse_in_the_way
    list_changes
    if ((${#LIST_KIND[@]} == 0)); then
      say "nothing to do: every file of the set is here as it is there"
      return 0
    fi
    begin_files_journal
  fi
  run_files_steps
  say "done: ${#LIST_KIND[@]} files and folders are as the set of $SET_TIME has them"
  say "kept: $(kept_folder), what was there before; remove it when nobody needs it any more"
  say_restarts
}

run_files_steps() {
  local step
  for step in $FILES_STEPS; do
    [[ -z ${STEP_ENDED[$step]-} ]] || continue
    note "$step"
    step_begins "$step"
    run_files_step "$step"
    step_ended "$step"
  done
  keep DONE "$(date +%s)"
}

run_files_step() {
  case $1 in
    keep) keep_files_step ;;
    folders) make_folders_step ;;
    place) place_files_step ;;
    check) check_files_step ;;
  esac
}

# enter_files_state: one restore.sh at a time, and none between the steps of a restore: it has manifests of its own in hand then. STATE is FILES_STATE from here on.
enter_files_state() {
  take_lock
  read_journal
  [[ -z ${KEPT[PLAN]-} || ${KEPT[ROLLBACK]-} == done || (-n ${KEPT[DONE]-} && ${KEPT[ROLLBACK]-} != begun) ]] ||
    refuse 6 "a restore was begun on this node and did not end" "restore.sh status; then run apply again, or rollback. Node files come before it or after it"
  STATE=$FILES_STATE
  mkdir -p -- "$STATE" 2>/dev/null || refuse 5 "$STATE cannot be made" "run this as root"
  read_journal
}

# files_are_begun: whether the journal that was read is of something that neither ended nor was taken back.
files_are_begun() { [[ -n ${KEPT[SET]-} && -z ${KEPT[DONE]-} && ${KEPT[ROLLBACK]-} != done ]]; }

# refuse_unfinished_files: apply begins on a node whose files are whole.
refuse_unfinished_files() {
  read_journal "$FILES_STATE"
  { ! files_are_begun && [[ ${KEPT[ROLLBACK]-} != begun ]]; } ||
    refuse 6 "node files were begun here and are not all placed" "run restore.sh files --apply or --rollback again first; restore.sh files --status says how far it came"
}

# Whatever is in the way is found before anything is changed.
refuse_in_the_way() {
  local i
  local -A placed=()
  for i in "${SELECTED[@]}"; do
    [[ ${STANDS[i]} != other ]] || refuse 6 "${PLACE[i]} is in the way: the set has a ${SET_TYPE[i]} of that name" "look at it and move it away, or leave it out by --only"
    [[ ${SET_TYPE[i]} == file && ${STANDS[i]} != never ]] || continue
    if [[ -n ${placed[${PLACE[i]}]-} ]]; then
      digests_of "$SET_FOLDER${SET_PATH[i]}" "$SET_FOLDER${placed[${PLACE[i]}]}"
      [[ ${DIGESTS[0]} == "${DIGESTS[1]}" ]] ||
        refuse 6 "a link makes one file here of ${SET_PATH[i]} and ${placed[${PLACE[i]}]}, which differ in the set" "say which one by --only"
    fi
    placed[${PLACE[i]}]=${SET_PATH[i]}
  done
  [[ -n $THROUGH_LINKS ]] || ((${#LED_OUT[@]} == 0)) ||
    refuse 6 "a link leads out of the set's folders: ${LED_OUT[0]}" "if files are to be written there, add --through-links; restore.sh files --diff lists all ${#LED_OUT[@]}; --only leaves them out"
}

# list_changes: fills the LIST arrays from what compare_set found: folders first, then files, and the manifests of static pods at the very end.
list_changes() {
  local i pass
  local -A in_list=()
  LIST_KIND=() LIST_PATH=() LIST_PLACE=()
  for i in "${SELECTED[@]}"; do
    [[ ${STANDS[i]} == missing ]] || continue
    if [[ ${SET_TYPE[i]} == folder ]]; then list_folder "${PLACE[i]}" "${SET_PATH[i]}"; else list_folder "${PLACE[i]%/*}" ''; fi
  done
  for pass in first last; do
    for i in "${SELECTED[@]}"; do
      [[ ${SET_TYPE[i]} == file && -z ${in_list[${PLACE[i]}]-} ]] || continue
      if is_manifest "${SET_PATH[i]}"; then [[ $pass == last ]] || continue; else [[ $pass == first ]] || continue; fi
      case ${STANDS[i]} in
        missing) add_to_list make "${SET_PATH[i]}" "${PLACE[i]}" ;;
        changed | attributes) add_to_list replace "${SET_PATH[i]}" "${PLACE[i]}" ;;
      esac
    done
  done
}

is_manifest() { [[ $1 == /etc/kubernetes/manifests/?*.y*ml ]]; }

# list_folder PLACE PATH: it and those above it that are not there, from the top. PATH is empty for one that the set does not have.
list_folder() {
  local path=$2
  [[ ! -e $1 && -z ${in_list[$1]-} ]] || return 0
  [[ -z ${1%/*} ]] || list_folder "${1%/*}" ''
  if [[ -z $path ]]; then
    path=${1#"$REAL_ROOT"}
    [[ -n ${SET_HAS[$path]-} ]] || path=-
  fi
  add_to_list folder "$path" "$1"
}

add_to_list() {
  in_list[$3]=yes
  LIST_KIND+=("$1") LIST_PATH+=("$2") LIST_PLACE+=("$3")
}

kept_folder() { printf '%s' "$STATE/before-${KEPT[STAMP]}"; }

only_text() { printf '%s' "${ONLY[*]-}"; }

# After every check that changes nothing. What an earlier run kept stays.
begin_files_journal() {
  local i stamp
  stamp=$(date -u +%Y%m%dT%H%M%SZ)
  for ((i = 2; ; i++)); do
    [[ -e $STATE/before-$stamp ]] || break
    stamp=${stamp%-*}-$i
  done
  [[ ! -e $STATE/journal ]] || rename "$STATE/journal" "$STATE/journal.${KEPT[STAMP]:-old}"
  KEPT=() STEP_ENDED=() STEP_BEGAN=()
  for ((i = 0; i < ${#LIST_KIND[@]}; i++)); do printf '%s\t%s\t%s\n' "${LIST_KIND[i]}" "${LIST_PATH[i]}" "${LIST_PLACE[i]}"; done >"$STATE/list" ||
    refuse 5 "$STATE/list cannot be written" "make room there; then run the same command again"
  dd if=/dev/null of="$STATE/list" bs=1 count=0 conv=notrunc,fsync 2>/dev/null
  : >"$STATE/journal"
  keep STAMP "$stamp"
  keep COLLECTED_AT "$SET_TIME"
  keep NODE "${RECIPIENT[RECIPIENT]}"
  keep ONLY "$(only_text)"
  # The last: a journal without it has begun nothing.
  keep SET "$SET_DIGEST"
}

read_list() {
  local kind path place
  LIST_KIND=() LIST_PATH=() LIST_PLACE=()
  while IFS=$'\t' read -r kind path place; do LIST_KIND+=("$kind") LIST_PATH+=("$path") LIST_PLACE+=("$place"); done <"$STATE/list"
}

# A copy of each file that will be replaced, with its owner, mode, times and context.
keep_files_step() {
  local i kept
  kept=$(kept_folder)
  mkdir -p -- "$kept"
  for ((i = 0; i < ${#LIST_KIND[@]}; i++)); do
    [[ ${LIST_KIND[i]} == replace ]] || continue
    keep_file "${LIST_PLACE[i]}" "$kept${LIST_PLACE[i]}"
  done
  sync
}

# keep_file PLACE KEPT
keep_file() {
  [[ ! -e $2 ]] || return 0
  mkdir -p -- "${2%/*}" 2>/dev/null || refuse 5 "${2%/*} cannot be made" "make room there; then run the same command again"
  copy "$1" "$2.new"
  settle "$2.new"
  rename "$2.new" "$2"
}

make_folders_step() {
  local i
  for ((i = 0; i < ${#LIST_KIND[@]}; i++)); do
    [[ ${LIST_KIND[i]} == folder ]] || continue
    make_folder "${LIST_PLACE[i]}" "${LIST_PATH[i]}"
  done
}

# make_folder PLACE PATH: with the set's mode and owner, or as mkdir would where the set does not have it.
make_folder() {
  local number
  [[ -d $1 ]] || mkdir -m 700 -- "$1" 2>/dev/null || refuse 5 "$1 cannot be made" "look whether its disk is mounted, or read-only; then run the same command again"
  if [[ $2 == - ]]; then
    chmod 755 -- "$1"
  else
    number=${SET_HAS[$2]}
    give "$1" "$number"
  fi
}

# give PLACE NUMBER: owner and mode of an entry of the set.
give() {
  local why
  why=$(chown "${SET_OWNER[$2]}" -- "$1" 2>&1 && chmod "${SET_MODE[$2]}" -- "$1" 2>&1) ||
    refuse 5 "$1 cannot be given owner ${SET_OWNER[$2]} and mode ${SET_MODE[$2]}: ${why:0:300}" "run this as root; then run the same command again"
}

place_files_step() {
  local i
  for ((i = 0; i < ${#LIST_KIND[@]}; i++)); do
    [[ ${LIST_KIND[i]} != folder ]] || continue
    place_file "${LIST_PLACE[i]}" "${LIST_PATH[i]}"
  done
  sync
}

# The kubelet looks at no file whose name begins with a dot.
temporary_of() { printf '%s/.%s.node-files' "${1%/*}" "${1##*/}"; }

# place_file PLACE PATH: in one go, so that nobody reads half a file. One that is as it should be stays: a manifest that is written anew starts its pod again.
place_file() {
  local temporary number=${SET_HAS[$2]} source=$SET_FOLDER$2
  ! is_as_in_set "$1" "$number" || return 0
  temporary=$(temporary_of "$1")
  rm -f -- "$temporary"
  # A copy of what is there has its SELinux context and its access list; one that is new gets those of its folder.
  if [[ -e $1 ]]; then
    copy "$1" "$temporary"
    chmod 600 -- "$temporary"
  fi
  { cat -- "$source" >"$temporary"; } 2>/dev/null || refuse 5 "$temporary cannot be written" "make room there, or make it writable; then run the same command again"
  give "$temporary" "$number"
  settle "$temporary"
  rename "$temporary" "$1"
}

# is_as_in_set PLACE NUMBER
is_as_in_set() {
  [[ -f $1 && ! -L $1 && $(stat -c '%a %u:%g' -- "$1") == "${SET_MODE[$2]} ${SET_OWNER[$2]}" ]] || return 1
  digests_of "$1" "$SET_FOLDER${SET_PATH[$2]}"
  [[ ${DIGESTS[0]} == "${DIGESTS[1]}" ]]
}

check_files_step() {
  local i
  for ((i = 0; i < ${#LIST_KIND[@]}; i++)); do
    [[ ${LIST_KIND[i]} == folder ]] || is_as_in_set "${LIST_PLACE[i]}" "${SET_HAS[${LIST_PATH[i]}]}" ||
      refuse 6 "${LIST_PLACE[i]} is not as the set has it: something else writes it" "stop what writes it (the kubelet, a configuration manager); then run the same command again, or restore.sh files --rollback"
  done
}

# say_restarts: what takes notice by itself, and what does not.
say_restarts() {
  local i name pods='' missing='' units='' others=''
  for i in "${SELECTED[@]}"; do
    [[ ${SET_TYPE[i]} == file && " missing changed attributes " == *" ${STANDS[i]} "* ]] || continue
    name=${SET_PATH[i]##*/}
    if is_manifest "${SET_PATH[i]}"; then
      if [[ ${STANDS[i]} == missing ]]; then missing+=" ${name%.*}"; else pods+=" ${name%.*}"; fi
    elif [[ ${SET_PATH[i]} == */systemd/system/* ]]; then
      units=yes
    else
      others=yes
    fi
  done
  [[ -z $pods ]] || say "restarts    $pods: the kubelet starts a static pod anew when its manifest changes"
  [[ -z $missing ]] || say "starts      $missing: the kubelet starts what has a manifest. An etcd without its data begins a cluster of its own: run restore.sh apply next"
  [[ -z $units ]] || say "by hand      systemctl daemon-reload"
  [[ -z $others ]] || say "by hand      restart what reads the other files (etcd, the API server, the kubelet): most read certificates and keys only when they start"
}

run_files_status() {
  local step
  STATE=$FILES_STATE
  read_journal
  if [[ -z ${KEPT[SET]-} ]]; then
    say "no node files were placed on this node"
    return 0
  fi
  read_list
  say "node files   of ${KEPT[NODE]-}, collected ${KEPT[COLLECTED_AT]-}, begun ${KEPT[STAMP]-}: ${#LIST_KIND[@]} files and folders to place"
  if [[ ${KEPT[ROLLBACK]-} == done ]]; then
    say "rolled back: what was there before is there again"
    return 0
  fi
  for step in $FILES_STEPS; do
    if [[ -n ${STEP_ENDED[$step]-} ]]; then
      say "  $step: done"
    elif [[ -n ${STEP_BEGAN[$step]-} ]]; then
      say "  $step: begun, not ended"
    else
      say "  $step: to do"
    fi
  done
  [[ ${KEPT[ROLLBACK]-} != begun ]] || refuse 6 "a rollback was begun and did not end" "run restore.sh files --rollback again"
  [[ -n ${KEPT[DONE]-} ]] || refuse 6 "not done" "run restore.sh files --apply again to go on, or files --rollback"
  say "done"
}

# What was there before, byte for byte. Needs no bundle.
run_files_rollback() {
  local i kept
  need_tools
  [[ -n $ROOT || $EUID == 0 ]] || refuse 5 "files --rollback must be run as root" "sudo"
  [[ -d $FILES_STATE ]] || refuse 2 "no node files were placed on this node" "there is nothing to take back"
  enter_files_state
  [[ -n ${KEPT[SET]-} ]] || refuse 2 "no node files were placed on this node" "there is nothing to take back"
  if [[ ${KEPT[ROLLBACK]-} == done ]]; then
    say "done already: rolled back"
    return 0
  fi
  read_list
  kept=$(kept_folder)
  # Before anything is put back.
  for ((i = 0; i < ${#LIST_KIND[@]}; i++)); do
    [[ ${LIST_KIND[i]} != replace || -z ${STEP_BEGAN[place]-} || -f $kept${LIST_PLACE[i]} ]] ||
      refuse 6 "what ${LIST_PLACE[i]} was before is not in $kept any more" "put it back by hand, into that folder; then run restore.sh files --rollback again"
  done
  keep ROLLBACK begun
  for ((i = ${#LIST_KIND[@]} - 1; i >= 0; i--)); do put_back "${LIST_KIND[i]}" "${LIST_PLACE[i]}" "$kept${LIST_PLACE[i]}"; done
  sync
  keep ROLLBACK done
  rm -rf -- "$kept"
  say "rolled back: ${#LIST_KIND[@]} files and folders are what they were"
  say "by hand      restart what reads them: most read certificates and keys only when they start"
}

# put_back KIND PLACE KEPT
put_back() {
  local temporary
  temporary=$(temporary_of "$2")
  case $1 in
    folder)
      rmdir -- "$2" 2>/dev/null || [[ ! -d $2 ]] || note "left $2: it is not empty"
      ;;
    make)
      rm -f -- "$temporary"
      [[ -z ${STEP_BEGAN[place]-} ]] || rm -f -- "$2"
      ;;
    replace)
      rm -f -- "$temporary"
      [[ -n ${STEP_BEGAN[place]-} ]] || return 0
      copy "$3" "$temporary"
      settle "$temporary"
      rename "$temporary" "$2"
      ;;
  esac
}
