# shellcheck shell=bash
# What etcd says: over etcdctl of the bundle, and over its peers' own address.

ETCDCTL= JOIN_AT=

# etcdctl_at URLS ARGS...: of the bundle, with the node's certificates, and with the user that the environment names.
etcdctl_at() {
  local endpoints=$1
  local -a tls=()
  shift
  [[ -z $CACERT ]] || tls+=(--cacert "$CACERT")
  [[ -z $CERT ]] || tls+=(--cert "$CERT" --key "$KEY")
  # No arguments of env: others see them, and a password is none of theirs.
  (
    for each in $(compgen -e); do
      case $each in PATH | ETCDCTL_USER | ETCDCTL_PASSWORD) ;; *) unset -v "$each" ;; esac
    done
    exec "$ETCDCTL" --endpoints "$endpoints" --command-timeout 5s --dial-timeout 5s ${tls[@]+"${tls[@]}"} "$@"
  )
}

# find_certificates: what etcdctl and the look at peers are given.
find_certificates() {
  local pki=$ROOT/etc/kubernetes/pki/etcd
  CACERT=$CACERT_OPTION CERT=$CERT_OPTION KEY=$KEY_OPTION
  if [[ -z $CACERT && $LAYOUT == static-pod && -f $pki/ca.crt ]]; then CACERT=$pki/ca.crt; fi
  if [[ -z $CERT && $LAYOUT == static-pod && -f $pki/healthcheck-client.crt ]]; then
    CERT=$pki/healthcheck-client.crt KEY=$pki/healthcheck-client.key
  fi
  [[ -n $CACERT || -z ${FOUND[trusted-ca-file]-} ]] || CACERT=$ROOT${FOUND[trusted-ca-file]}
  [[ -n $CERT || -z ${FOUND[cert-file]-} ]] || CERT=$ROOT${FOUND[cert-file]} KEY=$ROOT${FOUND[key-file]-}
}

own_urls() { printf '%s' "${PLAN[MEMBER_${NUMBER}_CLIENT_URLS]}"; }

# is_healthy: whether this member answers with a quorum behind it. etcdctl counts a member with an alarm as unhealthy: that has a step of its own.
is_healthy() {
  local said urls
  urls=$(own_urls)
  # etcd listens when it has a leader. etcdctl, once refused, would wait a second and more before it tries again.
  port_answers "${urls%%,*}" || return 1
  said=$(etcdctl_at "$urls" endpoint health 2>&1) || [[ $said == *'Active Alarm(s)'* ]]
}

# port_answers URL: whether anything takes a connection there.
port_answers() {
  local place=${1#*://}
  local host=${place%:*}
  host=${host#[}
  # In bash of its own, so that a firewall that drops packets costs two seconds.
  # shellcheck disable=SC2016 # its own arguments
  timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "${host%]}" "${place##*:}" 2>/dev/null
}

# cluster_at URL: prints the cluster's id in hex as a member tells its peers; nothing where it does not say.
cluster_at() {
  local line
  # To the header alone: openssl may go on waiting for more.
  while IFS= read -r line; do
    line=${line%$'\r'}
    [[ -n $line ]] || break
    [[ ${line,,} =~ ^x-etcd-cluster-id:\ *([0-9a-f]+)$ ]] || continue
    printf '%s' "${BASH_REMATCH[1]}"
    break
  done < <(ask_peer "$1" 2>/dev/null)
}

# ask_peer URL: prints the headers of an answer, and what may follow.
ask_peer() {
  local place=${1#*://} request
  local host=${place%:*} port=${place##*:}
  request="GET /members HTTP/1.0"$'\r\n'"Host: $place"$'\r\n\r\n'
  if [[ $1 == https://* ]]; then
    local -a tls=()
    [[ -z ${FOUND[peer-cert-file]-} ]] || tls=(-cert "$ROOT${FOUND[peer-cert-file]}" -key "$ROOT${FOUND[peer-key-file]-}")
    { printf '%s' "$request"; sleep 5; } | timeout 5 openssl s_client -quiet -connect "$place" ${tls[@]+"${tls[@]}"}
  else
    host=${host#[}
    # shellcheck disable=SC2016 # its own arguments
    timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1"; printf "%s" "$2" >&3; cat <&3' "${host%]}" "$port" "$request"
  fi
}

# old_members_are_gone: whether none of the other members answers its peers as one of another cluster than the restored one. Sets STILL to the address of one that does.
old_members_are_gone() {
  local number url id
  local -a urls
  for ((number = 1; number <= PLAN[MEMBERS]; number++)); do
    IFS=, read -r -a urls < <(printf '%s\n' "${PLAN[MEMBER_${number}_PEER_URLS]}")
    for url in "${urls[@]}"; do
      port_answers "$url" || continue
      id=$(cluster_at "$url")
      [[ -n $id && $id == "${KEPT[CLUSTER_ID]-}" && $number != "$NUMBER" ]] || {
        STILL="${PLAN[MEMBER_${number}_NAME]} at $url"
        return 1
      }
    done
  done
}

# status_of URL: sets STATUS_REVISION and STATUS_VERSION of a member that has a leader; empty where it does not say.
status_of() {
  local answer
  STATUS_REVISION='' STATUS_VERSION=''
  answer=$(etcdctl_at "$1" endpoint status -w json 2>/dev/null) || return 0
  [[ $answer =~ \"leader\":[1-9] && $answer =~ \"revision\":([0-9]+) ]] || return 0
  STATUS_REVISION=${BASH_REMATCH[1]}
  [[ ! $answer =~ \"version\":\"([0-9A-Za-z.+-]+)\" ]] || STATUS_VERSION=${BASH_REMATCH[1]}
}

# hash_of URLS [REVISION]: sets HASH to "hash compact-revision" at that revision, by default the restored one; empty where it does not answer.
hash_of() {
  local answer
  HASH=
  answer=$(etcdctl_at "$1" endpoint hashkv -w json --rev "${2:-${PLAN[REVISION_AFTER]}}" 2>"$SCRATCH/hashkv.err") || {
    # 3.4 refuses the compacted revision itself.
    [[ ${PLAN[ETCD_MINOR]} == 3.4 ]] && is_compacted || return 0
    answer=$(etcdctl_at "$1" endpoint hashkv -w json 2>"$SCRATCH/hashkv.err") || return 0
  }
  [[ $answer =~ \"hash\":([0-9]+) ]] || return 0
  HASH=${BASH_REMATCH[1]}
  [[ ! $answer =~ \"compact_revision\":([0-9]+) ]] || HASH+=" ${BASH_REMATCH[1]}"
}

# members_agree: whether every member that is compared (COMPARED: their numbers in the plan) has one hash. Sets MISSING to the name of one that does not answer yet, or that differs.
members_agree() {
  local number first='' now='' count=0
  if [[ -n $COMPARE_NOW ]]; then
    status_of "${PLAN[MEMBER_${NUMBER}_CLIENT_URLS]%%,*}"
    now=$STATUS_REVISION MISSING=$MEMBER
    [[ -n $now ]] || return 1
  fi
  for number in $COMPARED; do
    MISSING=${PLAN[MEMBER_${number}_NAME]}
    # One address each: several would be several answers.
    hash_of "${PLAN[MEMBER_${number}_CLIENT_URLS]%%,*}" "$now"
    # API servers that run again compact what the restore began with.
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
