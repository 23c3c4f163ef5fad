# shellcheck shell=bash
# A unified diff, since nodes need not have diff. Of files that hold no secret: which these are is an allow-list.

readonly MAX_SHOWN_BYTES=65536 CONTEXT=3
# Cells of the table of common lines: some seconds of bash. Beyond that all lines in between count as changed.
readonly MAX_CELLS=250000
readonly SHOWN='^/etc/kubernetes/(manifests/[^/]+\.ya?ml|([^/]+/)*audit[^/]*\.ya?ml)$|^/var/lib/kubelet/(config\.yaml|kubeadm-flags\.env)$'
# What those files are. Whatever else lies under such a name (a kubeconfig, a Secret, an EncryptionConfiguration) is not shown.
readonly SHOWN_KINDS=' Pod Policy KubeletConfiguration '
# A file with a line like one of these is not shown either: variables of a container, passwords in flags or addresses.
readonly SECRET_LIKE='value"?[[:space:]]*:|[Pp][Aa][Ss][Ss][Ww]|[Ss]ecret[A-Za-z]*"?[[:space:]]*[:=]|[Bb]earer|PRIVATE KEY|[Tt]oken=|--user|://[^/]*@'

# say_lines NUMBER: how the entry's lines differ, or that they are not shown.
say_lines() {
  local path=${SET_PATH[$1]}
  if is_shown "$path" "${PLACE[$1]}" && is_shown "$path" "$SET_FOLDER$path"; then
    show_diff "${PLACE[$1]}" "$SET_FOLDER$path"
  else
    say "               its content is not shown"
  fi
}

# is_shown PATH FILE
is_shown() {
  local line
  local -a strange
  [[ $1 =~ $SHOWN && $(wc -c <"$2") -le $MAX_SHOWN_BYTES ]] || return 1
  read -r -a strange < <(tr -d '\t\n -~' <"$2" | wc -c)
  ((strange[0] == 0)) || return 1
  while IFS= read -r line || [[ -n $line ]]; do
    [[ ! $line =~ $SECRET_LIKE ]] || return 1
    [[ ! $line =~ ^[[:space:]]*\"?kind\"?[[:space:]]*: ]] || [[ $line =~ ^kind:\ ([A-Za-z]+)$ && $SHOWN_KINDS == *" ${BASH_REMATCH[1]} "* ]] || return 1
  done <"$2"
}

# show_diff HERE SET: from what is here to what the set has.
show_diff() {
  local -a a b
  local from=0 a_end b_end
  mapfile -t a <"$1"
  mapfile -t b <"$2"
  a_end=${#a[@]} b_end=${#b[@]}
  while ((from < a_end && from < b_end)) && [[ ${a[from]} == "${b[from]}" ]]; do from=$((from + 1)); done
  while ((a_end > from && b_end > from)) && [[ ${a[a_end - 1]} == "${b[b_end - 1]}" ]]; do a_end=$((a_end - 1)) b_end=$((b_end - 1)); done
  if ((from == a_end && from == b_end)); then
    say "               only the end of its last line differs"
    return 0
  fi
  say '  --- here'
  say '  +++ in the set'
  find_edits
  print_hunks
}

# find_edits: sets EDITS: for each line of both "=", "-" or "+", in order. Reads show_diff's own variables.
find_edits() {
  local i j width=$((b_end - from + 1)) rows=$((a_end - from))
  local -a common=()
  EDITS=()
  for ((i = 0; i < from; i++)); do EDITS+=('='); done
  if ((rows * width > MAX_CELLS)); then
    for ((i = from; i < a_end; i++)); do EDITS+=('-'); done
    for ((j = from; j < b_end; j++)); do EDITS+=('+'); done
  else
    # common[i, j]: how many lines the rests behind i and j have in common. What is not set is 0.
    for ((i = rows - 1; i >= 0; i--)); do
      for ((j = width - 2; j >= 0; j--)); do
        if [[ ${a[from + i]} == "${b[from + j]}" ]]; then
          common[i * width + j]=$((${common[(i + 1) * width + j + 1]:-0} + 1))
        elif ((${common[(i + 1) * width + j]:-0} >= ${common[i * width + j + 1]:-0})); then
          common[i * width + j]=${common[(i + 1) * width + j]:-0}
        else
          common[i * width + j]=${common[i * width + j + 1]:-0}
        fi
      done
    done
    i=0 j=0
    while ((i < rows || j < width - 1)); do
      if ((i < rows && j < width - 1)) && [[ ${a[from + i]} == "${b[from + j]}" ]]; then
        EDITS+=('=') i=$((i + 1)) j=$((j + 1))
      elif ((i < rows && (j == width - 1 || ${common[(i + 1) * width + j]:-0} >= ${common[i * width + j + 1]:-0}))); then
        EDITS+=('-') i=$((i + 1))
      else
        EDITS+=('+') j=$((j + 1))
      fi
    done
  fi
  for ((i = a_end; i < ${#a[@]}; i++)); do EDITS+=('='); done
}

# print_hunks: EDITS with CONTEXT lines around each change.
print_hunks() {
  local k=0 n=${#EDITS[@]} i=0 j=0 start last each
  while ((k < n)); do
    if [[ ${EDITS[k]} == '=' ]]; then
      k=$((k + 1)) i=$((i + 1)) j=$((j + 1))
      continue
    fi
    # From some lines before this change to some behind the last one that is near enough.
    for ((last = k, each = k; each < n && each <= last + 2 * CONTEXT; each++)); do [[ ${EDITS[each]} == '=' ]] || last=$each; done
    start=$((k < CONTEXT ? k : CONTEXT))
    print_hunk $((k - start)) $((last + CONTEXT < n ? last + CONTEXT : n - 1)) $((i - start)) $((j - start))
    k=$HUNK_END i=$HUNK_A j=$HUNK_B
  done
}

# print_hunk FIRST LAST A B: those edits, which begin at those lines of either file. Sets HUNK_END, HUNK_A and HUNK_B to what follows.
print_hunk() {
  local k of_a=0 of_b=0
  HUNK_END=$(($2 + 1)) HUNK_A=$3 HUNK_B=$4
  for ((k = $1; k <= $2; k++)); do
    [[ ${EDITS[k]} == '+' ]] || of_a=$((of_a + 1))
    [[ ${EDITS[k]} == '-' ]] || of_b=$((of_b + 1))
  done
  say "  @@ -$((of_a == 0 ? HUNK_A : HUNK_A + 1)),$of_a +$((of_b == 0 ? HUNK_B : HUNK_B + 1)),$of_b @@"
  for ((k = $1; k <= $2; k++)); do
    case ${EDITS[k]} in
      '=')
        say "   ${a[HUNK_A]}"
        HUNK_A=$((HUNK_A + 1)) HUNK_B=$((HUNK_B + 1))
        ;;
      -)
        say "  -${a[HUNK_A]}"
        HUNK_A=$((HUNK_A + 1))
        ;;
      +)
        say "  +${b[HUNK_B]}"
        HUNK_B=$((HUNK_B + 1))
        ;;
    esac
  done
}
