# shellcheck shell=bash
# after: what the restored cluster says of itself, and what a person still has to do. It changes nothing but what --clear consents to.

run_after() {
  local number bad=0
  open_bundle
  read_journal
  WAY=${KEPT[WAY]:-all}
  find_node
  find_certificates
  for ((number = 1; number <= PLAN[MEMBERS]; number++)); do say_member "$number" || bad=$((bad + 1)); done
  say_listed
  say_alarms || bad=$((bad + 1))
  say_api_server || bad=$((bad + 1))
  if find_stale; then
    if [[ -n $CLEAR ]]; then clear_stale; else say_stale; fi
    say_unknown_pods || bad=$((bad + 1))
  else
    warn "what is stale cannot be listed: $(why "$SCRATCH/stale.err")"
    bad=$((bad + 1))
  fi
  say "by hand      on every node: restart the kubelet, and controllers and schedulers: they hold what they saw before"
  say "by hand      look for nodes that are gone: kubectl get nodes"
  if ((bad == 0)); then
    say "by hand      remove what is kept of before from data directories when nobody needs it any more: member.before-TIME, member.restored-TIME"
  else
    say "by hand      keep member.before-TIME: not all is well yet, and rollback needs it"
  fi
  ((bad == 0)) || refuse 6 "$bad of the above need a person" "look at each"
}

# say_member NUMBER: whether it is healthy.
say_member() {
  local url=${PLAN[MEMBER_${1}_CLIENT_URLS]%%,*} name=${PLAN[MEMBER_${1}_NAME]}
  status_of "$url"
  if etcdctl_at "$url" endpoint health >/dev/null 2>&1; then
    hash_of "$url"
    say "member       $name at $url: healthy, etcd ${STATUS_VERSION:-unknown}, revision ${STATUS_REVISION:-unknown}, hash ${HASH:-no more at $((PLAN[REVISION_AFTER]))}"
  else
    say "member       $name at $url: NOT HEALTHY"
    return 1
  fi
}

say_listed() {
  local line
  while IFS= read -r line; do say "listed       $line"; done < <(etcdctl_at "$OWN_CLIENT_URLS" member list 2>/dev/null)
}

say_alarms() {
  local line bad=0
  while IFS= read -r line; do
    say "ALARM        $line"
    bad=1
  done < <(etcdctl_at "$OWN_CLIENT_URLS" alarm list 2>/dev/null)
  return "$bad"
}

# say_api_server: whether this node's, if it has one, is ready. Anybody may ask for /readyz.
say_api_server() {
  local port=6443 file=$MANIFESTS/kube-apiserver.yaml line answer
  if [[ -f $file ]]; then
    while IFS= read -r line; do
      [[ ! $line =~ --secure-port=([0-9]{1,5}) ]] || port=${BASH_REMATCH[1]}
    done <"$file"
  elif ! { has_systemd && unit_is_active kube-apiserver; }; then
    return 0
  fi
  answer=$({ printf 'GET /readyz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n'; sleep 1; } | timeout 10 openssl s_client -quiet -connect "127.0.0.1:$port" 2>/dev/null | tr -d '\0') || true
  case $answer in
    HTTP/1.?' 200'*) say "API server   127.0.0.1:$port is ready" ;;
    HTTP/1.?' 4'*) say "API server   127.0.0.1:$port answers; it tells strangers no more" ;;
    HTTP/*) say "API server   127.0.0.1:$port IS NOT READY" && return 1 ;;
    *) say "API server   127.0.0.1:$port DOES NOT ANSWER" && return 1 ;;
  esac
}
