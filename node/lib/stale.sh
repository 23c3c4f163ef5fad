# shellcheck shell=bash
# What Kubernetes keeps of processes and nodes that may be no more. A restore revives it; whoever lives writes theirs again within seconds. So it is stale where nobody wrote it since the restore.

# Kubelets renew a lease every 10 seconds, API servers and leaders more often.
readonly RENEWED_WITHIN=60

# find_stale: sets STALE (keys) and STALE_AT (their mod revisions). Fails where etcd does not say.
find_stale() {
  local prefix
  kubernetes_prefix
  prefix=$KUBERNETES_PREFIX
  STALE=() STALE_AT=() GONE_NODES=()
  stale_under "$prefix/masterleases/" "^$prefix/masterleases/[0-9A-Fa-f.:]+\$" || return 1
  stale_under "$prefix/leases/kube-system/" "^$prefix/leases/kube-system/((kube-)?apiserver-[a-z0-9]+|kube-controller-manager|kube-scheduler|cloud-controller-manager)\$" || return 1
  stale_under "$prefix/leases/kube-node-lease/" "^$prefix/leases/kube-node-lease/[a-z0-9.-]+\$" nodes || return 1
  stale_endpoints "$prefix/endpointslices/" || return 1
  stale_endpoints "$prefix/services/endpoints/" || return 1
}

# kubernetes_prefix: sets KUBERNETES_PREFIX to where the API server keeps its objects in etcd.
kubernetes_prefix() {
  local line file=$MANIFESTS/kube-apiserver.yaml
  KUBERNETES_PREFIX=/registry
  [[ -f $file ]] || return 0
  while IFS= read -r line; do
    [[ ! $line =~ --etcd-prefix=(/[A-Za-z0-9/._-]+) ]] || KUBERNETES_PREFIX=${BASH_REMATCH[1]%/}
  done <"$file"
}

# get_fields PREFIX [OPTION]: into a file of our own, a field of a key on each line, quoted as Go does.
get_fields() { etcdctl_at "$OWN_CLIENT_URLS" get --prefix "$1" ${2+"$2"} -w fields >"$SCRATCH/fields" 2>"$SCRATCH/stale.err"; }

# stale_under PREFIX PATTERN [nodes]: adds keys that fit. With "nodes" their last part is the name of a node that is gone.
stale_under() {
  local line key=
  get_fields "$1" --keys-only || return 1
  while IFS= read -r line; do
    if [[ $line =~ ^\"Key\"\ :\ \"(.*)\"$ ]]; then
      key=${BASH_REMATCH[1]}
    elif [[ $line =~ ^\"ModRevision\"\ :\ ([0-9]+)$ && $key =~ $2 ]] && is_untouched "$line"; then
      add_stale "$key" "${line##* }"
      [[ -z ${3-} ]] || GONE_NODES+=("${key##*/}")
    fi
  done <"$SCRATCH/fields"
}

# is_untouched LINE: whether the revision at its end is one of the snapshot's own.
is_untouched() { ((${1##* } <= PLAN[REVISION])); }

add_stale() { STALE+=("$1") STALE_AT+=("$2"); }

# stale_endpoints PREFIX: adds those that name a node that is gone, if a controller made them, since it makes them again. What a person made stays.
stale_endpoints() {
  local line key='' at='' node
  ((${#GONE_NODES[@]} > 0)) || return 0
  get_fields "$1" || return 1
  while IFS= read -r line; do
    if [[ $line =~ ^\"Key\"\ :\ \"([A-Za-z0-9/._-]+)\"$ ]]; then
      key=${BASH_REMATCH[1]} at=
    elif [[ $line == '"Key" : '* ]]; then
      key=
    elif [[ $line =~ ^\"ModRevision\"\ :\ ([0-9]+)$ ]]; then
      at=${BASH_REMATCH[1]}
    elif [[ $line == '"Value" : '* && -n $key && -n $at ]] && is_untouched "$at"; then
      [[ $line == *endpointslice-controller.k8s.io* || $line == *endpoints.kubernetes.io/last-change-trigger-time* ]] || continue
      for node in "${GONE_NODES[@]}"; do
        length_prefixed "$node"
        [[ $line != *"$PREFIXED"* ]] || { add_stale "$key" "$at"; break; }
      done
    fi
  done <"$SCRATCH/fields"
}

# length_prefixed TEXT: sets PREFIXED to TEXT as a field of protobuf has it, its length before it, quoted as Go does. So cp-1 is not found in cp-10.
length_prefixed() {
  local length=${#1} byte
  case $length in
    7) byte='\a' ;;
    8) byte='\b' ;;
    9) byte='\t' ;;
    10) byte='\n' ;;
    11) byte='\v' ;;
    12) byte='\f' ;;
    13) byte='\r' ;;
    34) byte='\"' ;;
    92) byte='\\' ;;
    *)
      if ((length < 32 || length == 127)); then
        printf -v byte '\\x%02x' "$length"
      elif ((length < 127)); then
        # shellcheck disable=SC2059 # the format is three octal digits
        printf -v byte "\\$((length / 64))$((length / 8 % 8))$((length % 8))"
      else
        # Two bytes. No other name of such a length ends so.
        byte=
      fi
      ;;
  esac
  PREFIXED=$byte$1
}

# time_to_wait: prints how many seconds it takes until whoever lives has written since apply ended here.
time_to_wait() {
  local ended=${KEPT[DONE]:-0} now
  now=$(date +%s)
  ((now - ended >= RENEWED_WITHIN)) || printf '%s' $((RENEWED_WITHIN - now + ended))
}

say_stale() {
  local each left
  left=$(time_to_wait)
  ((${#STALE[@]} > 0)) || return 0
  for each in "${STALE[@]}"; do say "stale        $each: nobody wrote it since the restore"; done
  [[ -z $left ]] || say "             too early to tell: whoever lives writes theirs within $left more seconds"
  say "by hand      restore.sh after --clear removes these ${#STALE[@]} from etcd, once API servers and kubelets run on every node"
}

clear_stale() {
  local each left removed=0 answer
  left=$(time_to_wait)
  if [[ -n $left ]]; then
    note "waiting $left seconds: whoever lives writes theirs within that time"
    sleep "$left"
    find_stale || refuse 3 "what is stale cannot be listed: $(why "$SCRATCH/stale.err")" "run after --clear again"
  fi
  status_of "$OWN_CLIENT_URLS"
  ((${STATUS_REVISION:-0} > PLAN[REVISION_AFTER])) ||
    refuse 6 "nothing was written since the restore: no API server works with this etcd yet" "start them first; then run after --clear again"
  for ((each = 0; each < ${#STALE[@]}; each++)); do
    # Only if it is still what was looked at.
    answer=$(printf 'mod("%s") = "%s"\n\ndel %s\n\n\n\n' "${STALE[each]}" "${STALE_AT[each]}" "${STALE[each]}" | etcdctl_at "$OWN_CLIENT_URLS" txn 2>"$SCRATCH/stale.err") ||
      refuse 3 "${STALE[each]} could not be removed: $(why "$SCRATCH/stale.err")" "run after --clear again"
    if [[ $answer == SUCCESS* ]]; then
      say "removed      ${STALE[each]}"
      removed=$((removed + 1))
    else
      say "left alone   ${STALE[each]}: it was written meanwhile"
    fi
  done
  say "cleared      $removed stale keys"
}

# say_unknown_pods: those that this node's kubelet runs and the API does not know (any more).
say_unknown_pods() {
  local line id='' name='' unknown=0
  type -P crictl >/dev/null || return 0
  get_fields "$KUBERNETES_PREFIX/pods/" --keys-only || return 1
  local -A known=()
  while IFS= read -r line; do
    [[ ! $line =~ ^\"Key\"\ :\ \"$KUBERNETES_PREFIX/pods/(.*)\"$ ]] || known[${BASH_REMATCH[1]}]=yes
  done <"$SCRATCH/fields"
  timeout 20 crictl pods --state Ready --verbose >"$SCRATCH/pods" 2>/dev/null || { warn "crictl pods failed: which pods run here is not known" && return 0; }
  while IFS= read -r line; do
    case $line in
      'ID: '*) id=${line#ID: } name= ;;
      'Name: '*) name=${line#Name: } ;;
      'Namespace: '*)
        line=${line#Namespace: }
        [[ -n $name && -z ${known[$line/$name]-} ]] || continue
        say "pod          $line/$name runs here, and the API does not know it: look at it, then crictl stopp ${id:0:13}"
        unknown=1
        ;;
    esac
  done <"$SCRATCH/pods"
  return "$unknown"
}
