#!/bin/bash
# Collects this node's files and puts them into the inbox of a bucket. From the environment: CLUSTER, BUCKET, perhaps NODE and PATHS (a file), and RUNTIME_DIRECTORY, a folder in memory.
set -o errexit -o nounset -o pipefail
node=${NODE:-$(uname -n)}
node=${node%%.*}
options=(--cluster "$CLUSTER" --node "$node" --recipient "/etc/etcd-lifeboat/$CLUSTER.recipient" --out "$RUNTIME_DIRECTORY")
[[ ! -e ${PATHS:=/etc/etcd-lifeboat/paths} ]] || options+=(--paths "$PATHS")
code=0
collect.sh "${options[@]}" "$@" || code=$?
# 6: it was taken, and something needs a person, who sees that this unit failed.
[[ $code == 0 || $code == 6 ]] || exit "$code"
aws s3 cp --recursive --only-show-errors "$RUNTIME_DIRECTORY" "s3://$BUCKET/inbox/$CLUSTER/$node/"
exit "$code"
