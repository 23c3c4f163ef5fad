# shellcheck shell=bash
# after: what the restored cluster says of itself, and what a person still has to do. It changes nothing.

run_after() {
  local number url line bad=0
  open_bundle
  read_journal
  find_node
  find_certificates
  for ((number = 1; number <= PLAN[MEMBERS]; number++)); do
    url=${PLAN[MEMBER_${number}_CLIENT_URLS]%%,*}
    hash_of "$url"
    if etcdctl_at "$url" endpoint health >/dev/null 2>&1; then
      say "member       ${PLAN[MEMBER_${number}_NAME]} at $url: healthy, hash ${HASH:-not told}"
    else
      say "member       ${PLAN[MEMBER_${number}_NAME]} at $url: NOT HEALTHY"
      bad=$((bad + 1))
    fi
  done
  while IFS= read -r line; do say "listed       $line"; done < <(etcdctl_at "$(own_urls)" member list 2>/dev/null)
  while IFS= read -r line; do
    say "ALARM        $line"
    bad=$((bad + 1))
  done < <(etcdctl_at "$(own_urls)" alarm list 2>/dev/null)
  say "by hand      restart kubelets, controllers and schedulers on every node: they hold what they saw before"
  say "by hand      look for pods that a kubelet still runs and the API no longer knows (crictl pods), and for nodes that are gone (kubectl get nodes)"
  ((bad == 0)) || refuse 6 "$bad of the above need a person" "look at each"
}
