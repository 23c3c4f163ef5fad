#!/usr/bin/env bash
# etcd 3.6.16: `etcd grpc-proxy start` dials the address that it advertises, before it serves for good, and ends where it does not reach itself there.
# The default of --advertise-client-url is 127.0.0.1:23790 whatever --listen-addr says. So a proxy that is only told where to listen serves for five
# seconds and then ends with "context deadline exceeded", which names no address. With TLS it must trust its own certificate as well: without
# --trusted-ca-file it ends in the same way.
#
# Seen with go.etcd.io/etcd/server/v3 v3.6.16:
#   listens elsewhere, advertises nothing: ends with 1 within 9 s: context deadline exceeded
#   listens elsewhere, advertises that: serves
#   the same with TLS: ends with 1 within 9 s: context deadline exceeded
#   the same with TLS and --trusted-ca-file: serves
set -euo pipefail
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2> /dev/null || true; chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

cat > go.mod <<'MOD'
module findings
go 1.24
MOD
GOFLAGS=-mod=mod go get -tool go.etcd.io/etcd/server/v3@v3.6.16 > go.log 2>&1
CGO_ENABLED=0 go build -o etcd go.etcd.io/etcd/server/v3
./etcd --version | grep -q '^etcd Version: 3.6.16$' || { echo "not etcd 3.6.16"; exit 1; }

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
client=$(free_port) peer=$(free_port) listen=$(free_port)

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca-key.pem -out ca.pem -subj /CN=ca -days 2 2> /dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out request.pem -subj /CN=proxy 2> /dev/null
printf 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n' > extensions
openssl x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -out cert.pem -days 2 -extfile extensions 2> /dev/null

./etcd --data-dir data --listen-client-urls "http://127.0.0.1:$client" --advertise-client-urls "http://127.0.0.1:$client" \
  --listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
  --initial-cluster "default=http://127.0.0.1:$peer" --log-level error > etcd.log 2>&1 &
pids+=($!)
# shellcheck disable=SC2016
timeout 30 sh -c 'until curl -sf "http://127.0.0.1:$1/health" > /dev/null; do sleep 0.1; done' wait "$client"

# Its dial timeout is 5 s: what still runs after 9 s serves.
try() {
  local status=0
  timeout 9 ./etcd grpc-proxy start --endpoints "127.0.0.1:$client" --listen-addr "127.0.0.1:$listen" "$@" > proxy.log 2>&1 || status=$?
  if [ "$status" = 124 ]; then echo serves; else echo "ends with $status within 9 s: $(tail -n 1 proxy.log)"; fi
}
expect() {
  local what=$1 wanted=$2 seen
  shift 2
  seen=$(try "$@")
  echo "$what: $seen"
  [ "$seen" = "$wanted" ] || { echo "CHANGED: expected $wanted"; exit 1; }
}
ends='ends with 1 within 9 s: context deadline exceeded'
expect 'listens elsewhere, advertises nothing' "$ends"
expect 'listens elsewhere, advertises that' serves --advertise-client-url "127.0.0.1:$listen"
expect 'the same with TLS' "$ends" --advertise-client-url "127.0.0.1:$listen" --cert-file cert.pem --key-file key.pem
expect 'the same with TLS and --trusted-ca-file' serves --advertise-client-url "127.0.0.1:$listen" --cert-file cert.pem --key-file key.pem --trusted-ca-file ca.pem
