# shellcheck shell=bash
# What etcd says: over etcdctl, and over its peers' own address.

ETCDCTL=
# The revision at which members are compared, and the minor of the cluster.
COMPARE_AT='' CLUSTER_MINOR=''

# etcdctl_at URLS ARGS...: with the node's certificates, and with the user that the environment names.
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

# is_healthy: whether this member answers with a quorum behind it.
is_healthy() {
  # etcd listens when it has a leader. etcdctl, once refused, would wait a second and more before it tries again.
  port_answers "${OWN_CLIENT_URLS%%,*}" || return 1
  is_healthy_at "$OWN_CLIENT_URLS"
}

# is_healthy_at URLS: etcdctl counts a member as unhealthy while there is any alarm: that is looked at elsewhere.
is_healthy_at() {
  local said
  said=$(etcdctl_at "$1" endpoint health 2>&1) || [[ $said == *'Active Alarm(s)'* ]]
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

# status_of URL: sets STATUS_REVISION and STATUS_VERSION of a member that has a leader; empty where it does not say.
status_of() {
  STATUS_REVISION='' STATUS_VERSION=''
  STATUS_ANSWER=$(etcdctl_at "$1" endpoint status -w json 2>/dev/null) || STATUS_ANSWER=
  [[ $STATUS_ANSWER =~ \"leader\":[1-9] && $STATUS_ANSWER =~ \"revision\":([0-9]+) ]] || return 0
  STATUS_REVISION=${BASH_REMATCH[1]}
  # shellcheck disable=SC2034 # of restore.sh alone
  [[ ! $STATUS_ANSWER =~ \"version\":\"([0-9A-Za-z.+-]+)\" ]] || STATUS_VERSION=${BASH_REMATCH[1]}
}

# hash_of URLS [REVISION]: sets HASH to "hash compact-revision" at that revision, by default COMPARE_AT; empty where it does not answer.
hash_of() {
  local answer
  HASH=
  answer=$(etcdctl_at "$1" endpoint hashkv -w json --rev "${2:-$COMPARE_AT}" 2>"$SCRATCH/hashkv.err") || {
    # 3.4 refuses the compacted revision itself.
    [[ $CLUSTER_MINOR == 3.4 ]] && is_compacted || return 0
    answer=$(etcdctl_at "$1" endpoint hashkv -w json 2>"$SCRATCH/hashkv.err") || return 0
  }
  [[ $answer =~ \"hash\":([0-9]+) ]] || return 0
  HASH=${BASH_REMATCH[1]}
  [[ ! $answer =~ \"compact_revision\":([0-9]+) ]] || HASH+=" ${BASH_REMATCH[1]}"
}
