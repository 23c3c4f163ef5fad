# shellcheck shell=bash
# files --diff: what the set would change on this node. It changes nothing.

# By the entry's number in the set: the place that it would have (links resolved), and how that stands to it:
# same, changed, missing, attributes (the bytes are the same, mode or owner are not), never (is not placed), other (there is something else than a file, or than a folder).
declare -a PLACE=() STANDS=() HERE_MODE=() HERE_OWNER=()
# Numbers of the entries that --only selects.
declare -a SELECTED=()
# Places that lie outside of the set's folders, behind a link: "PATH -> PLACE".
declare -a LED_OUT=()

readonly AT_ONCE=400

# compare_set: sets the names above.
compare_set() {
  local i
  PLACE=() STANDS=() HERE_MODE=() HERE_OWNER=() LED_OUT=()
  select_entries
  find_places
  stat_places
  for i in "${SELECTED[@]}"; do
    if [[ ${SET_PATH[i]} =~ $NEVER_PLACED || ${PLACE[i]#"$REAL_ROOT"} =~ $NEVER_PLACED ]]; then
      STANDS[i]=never
    elif [[ ! -e ${PLACE[i]} ]]; then
      STANDS[i]=missing
    elif [[ ${SET_TYPE[i]} == folder && ! -d ${PLACE[i]} || ${SET_TYPE[i]} == file && ! -f ${PLACE[i]} ]]; then
      STANDS[i]=other
    else
      STANDS[i]=there
    fi
  done
  compare_bytes
  for i in "${SELECTED[@]}"; do
    [[ ${STANDS[i]} == there || ${STANDS[i]} == same ]] || continue
    STANDS[i]=same
    [[ ${HERE_MODE[i]} == "${SET_MODE[i]}" && ${HERE_OWNER[i]} == "${SET_OWNER[i]}" ]] || STANDS[i]=attributes
  done
}

# select_entries: by --only, a path of the set or a folder above some.
select_entries() {
  local i each found
  SELECTED=()
  if ((${#ONLY[@]} == 0)); then
    SELECTED=("${!SET_PATH[@]}")
    return 0
  fi
  for each in "${ONLY[@]}"; do
    found=
    for i in "${!SET_PATH[@]}"; do [[ ${SET_PATH[i]} != "$each" && ${SET_PATH[i]} != "$each"/* ]] || found=yes; done
    [[ -n $found ]] || refuse 2 "--only $each is in no path of the set" "give a path as files --diff prints it, or a folder above it"
  done
  for i in "${!SET_PATH[@]}"; do
    for each in "${ONLY[@]}"; do
      [[ ${SET_PATH[i]} == "$each" || ${SET_PATH[i]} == "$each"/* ]] || continue
      SELECTED+=("$i")
      break
    done
  done
}

# find_places: sets PLACE, LED_OUT and REAL_ROOT.
find_places() {
  local i from line
  local -a paths
  REAL_ROOT=$(readlink -f -- "$ROOT/")
  REAL_ROOT=${REAL_ROOT%/}
  for ((from = 0; from < ${#SELECTED[@]}; from += AT_ONCE)); do
    paths=()
    for i in "${SELECTED[@]:from:AT_ONCE}"; do paths+=("$ROOT${SET_PATH[i]}"); done
    i=$from
    # -m: as far as it is there.
    while IFS= read -r line; do
      PLACE[SELECTED[i]]=$line
      i=$((i + 1))
    done < <(readlink -m -- "${paths[@]}")
    ((i == from + ${#paths[@]})) || refuse 6 "a link on the way to a file of the set has a line break in it" "look at the links below /etc/kubernetes"
  done
  for i in "${SELECTED[@]}"; do
    [[ ${PLACE[i]} != *$'\t'* ]] || refuse 6 "a link on the way to ${SET_PATH[i]} has a tab in it" "look at it"
    # Where a link leads to another place among the set's own folders (the current certificate of a kubelet, say) that is what it is for.
    [[ ${PLACE[i]} == "$REAL_ROOT${SET_PATH[i]}" ]] || is_among_folders "${PLACE[i]}" || LED_OUT+=("${SET_PATH[i]} -> ${PLACE[i]}")
  done
}

# is_among_folders PLACE: whether it is below a folder of the set.
is_among_folders() {
  local folder=${1%/*}
  [[ $folder == "$REAL_ROOT"/* ]] || return 1
  folder=${folder#"$REAL_ROOT"}
  [[ -n ${SET_HAS[$folder]-} && ${SET_TYPE[${SET_HAS[$folder]}]} == folder ]]
}

stat_places() {
  local i from line
  local -a paths there=()
  for i in "${SELECTED[@]}"; do [[ ! -e ${PLACE[i]} ]] || there+=("$i"); done
  for ((from = 0; from < ${#there[@]}; from += AT_ONCE)); do
    paths=()
    for i in "${there[@]:from:AT_ONCE}"; do paths+=("${PLACE[i]}"); done
    i=$from
    while IFS= read -r line; do
      HERE_MODE[there[i]]=${line%% *} HERE_OWNER[there[i]]=${line#* }
      i=$((i + 1))
    done < <(stat -c '%a %u:%g' -- "${paths[@]}")
    ((i == from + ${#paths[@]})) || refuse 5 "files of this node cannot be looked at" "run this as root"
  done
}

# compare_bytes: sets STANDS of files that are there to same or changed.
compare_bytes() {
  local i from
  local -a here set numbers=()
  for i in "${SELECTED[@]}"; do [[ ${SET_TYPE[i]} != file || ${STANDS[i]} != there ]] || numbers+=("$i"); done
  for ((from = 0; from < ${#numbers[@]}; from += AT_ONCE)); do
    here=() set=()
    for i in "${numbers[@]:from:AT_ONCE}"; do here+=("${PLACE[i]}") set+=("$SET_FOLDER${SET_PATH[i]}"); done
    digests_of "${set[@]}"
    set=("${DIGESTS[@]}")
    digests_of "${here[@]}"
    for ((i = 0; i < ${#here[@]}; i++)); do
      if [[ ${set[i]} == "${DIGESTS[i]}" ]]; then STANDS[numbers[from + i]]=same; else STANDS[numbers[from + i]]=changed; fi
    done
  done
}

# digests_of FILE...: sets DIGESTS, one for each, by one process.
digests_of() {
  local line
  DIGESTS=()
  while IFS= read -r line; do DIGESTS+=("${line:0:64}"); done < <(openssl dgst -sha256 -r "$@" 2>/dev/null)
  ((${#DIGESTS[@]} == $#)) || refuse 5 "a file of this node cannot be read" "run this as root"
}

say_set() {
  local i folders=0
  for i in "${!SET_PATH[@]}"; do [[ ${SET_TYPE[i]} != folder ]] || folders=$((folders + 1)); done
  say "node files   of ${RECIPIENT[RECIPIENT]} (${PLAN[CLUSTER]}), collected $SET_TIME: $((${#SET_PATH[@]} - folders)) files, $folders folders"
}

# say_differences: a line for each entry that differs, and the lines of those that hold no secret.
say_differences() {
  local i same=0
  for i in "${SELECTED[@]}"; do
    case ${STANDS[i]} in
      same) same=$((same + 1)) ;;
      changed)
        say "changed      $(at_place "$i")$(attributes_of "$i")"
        say_lines "$i"
        ;;
      missing) say "missing      $(at_place "$i"): mode ${SET_MODE[i]}, owner ${SET_OWNER[i]}" ;;
      attributes) say "attributes   $(at_place "$i")$(attributes_of "$i")" ;;
      never) say "not placed   ${SET_PATH[i]}: restore.sh's own, or no place for files" ;;
      other) say "IN THE WAY   $(at_place "$i"): a ${SET_TYPE[i]} in the set, and something else here" ;;
    esac
  done
  say "same         $same files and folders"
  say_only_here
  for i in ${LED_OUT[@]+"${LED_OUT[@]}"}; do say "LEADS OUT    $i: behind a link, outside of the set's folders"; done
}

# at_place NUMBER: prints the path, and where it really is if that is another place.
at_place() {
  printf '%s' "${SET_PATH[$1]}"
  [[ ${PLACE[$1]} == "$REAL_ROOT${SET_PATH[$1]}" ]] || printf ' (a link leads to %s)' "${PLACE[$1]}"
}

attributes_of() {
  [[ ${HERE_MODE[$1]} == "${SET_MODE[$1]}" ]] || printf ', mode %s here and %s in the set' "${HERE_MODE[$1]}" "${SET_MODE[$1]}"
  [[ ${HERE_OWNER[$1]} == "${SET_OWNER[$1]}" ]] || printf ', owner %s here and %s in the set' "${HERE_OWNER[$1]}" "${SET_OWNER[$1]}"
  [[ ${SET_TYPE[$1]} != folder || ${STANDS[$1]} != attributes ]] || printf ': left alone'
}

# Only within the folders that the set has: beside a single file lie others that nobody collected.
say_only_here() {
  local i each name
  local -A placed=()
  for i in "${!PLACE[@]}"; do placed[${PLACE[i]}]=yes; done
  for i in "${SELECTED[@]}"; do
    [[ ${SET_TYPE[i]} == folder && -d ${PLACE[i]} ]] || continue
    for each in "${PLACE[i]}"/* "${PLACE[i]}"/.[!.]*; do
      [[ -e $each || -L $each ]] || continue
      name=${SET_PATH[i]}/${each##*/}
      [[ -n ${SET_HAS[$name]-} || -n ${placed[$each]-} || $name =~ $NEVER_PLACED ]] || say "only here    ${name//[[:cntrl:]]/?}: left alone"
    done
  done
}
