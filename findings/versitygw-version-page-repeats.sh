#!/usr/bin/env bash
# versitygw 1.8.0, in a bucket where versioning was never turned on: a page of ListObjectVersions begins with the key that KeyMarker names, though S3's API has
# it list the keys after that one. So the last key of each page is the first of the next. A client that pages by NextKeyMarker sees it twice, and takes one object for two versions.
#
# Seen with github.com/versity/versitygw v1.8.0 and @aws-sdk/client-s3 3.1169.0, three objects and MaxKeys 2:
#   first page: a b, next b
#   next page: b c
#   by ListObjectsV2 all: a b c
set -euo pipefail
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2> /dev/null || true; chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

cat > go.mod <<'MOD'
module findings
go 1.24
MOD
GOFLAGS=-mod=mod go get -tool github.com/versity/versitygw/cmd/versitygw@v1.8.0 > go.log 2>&1
CGO_ENABLED=0 go build -o versitygw github.com/versity/versitygw/cmd/versitygw
npm install --no-audit --no-fund @aws-sdk/client-s3@3.1169.0 > npm.log 2>&1

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir data versions
ROOT_ACCESS_KEY=finding ROOT_SECRET_KEY=finding-secret ./versitygw --port "127.0.0.1:$port" posix --versioning-dir "$work/versions" "$work/data" > gw.log 2>&1 &
pids+=($!)
# shellcheck disable=SC2016
timeout 30 sh -c 'until curl -s "http://127.0.0.1:$1/" > /dev/null; do sleep 0.1; done' wait "$port"

cat > try.mjs <<'JS'
import { CreateBucketCommand, ListObjectsV2Command, ListObjectVersionsCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
const client = new S3Client({
  endpoint: `http://127.0.0.1:${process.argv[2]}`,
  region: "us-east-1",
  forcePathStyle: true,
  credentials: { accessKeyId: "finding", secretAccessKey: "finding-secret" },
});
const Bucket = "plain";
await client.send(new CreateBucketCommand({ Bucket }));
for (const Key of ["a", "b", "c"]) await client.send(new PutObjectCommand({ Bucket, Key, Body: "text" }));
const names = (list = []) => list.map(({ Key }) => Key).join(" ");
const first = await client.send(new ListObjectVersionsCommand({ Bucket, MaxKeys: 2 }));
console.log(`first page: ${names(first.Versions)}, next ${first.NextKeyMarker}`);
const next = await client.send(
  new ListObjectVersionsCommand({ Bucket, MaxKeys: 2, KeyMarker: first.NextKeyMarker, VersionIdMarker: first.NextVersionIdMarker || undefined }),
);
console.log(`next page: ${names(next.Versions)}`);
console.log(`by ListObjectsV2 all: ${names((await client.send(new ListObjectsV2Command({ Bucket }))).Contents)}`);
client.destroy();
JS
seen=$(node try.mjs "$port" 2> node.log)
echo "$seen"
wanted='first page: a b, next b
next page: b c
by ListObjectsV2 all: a b c'
[ "$seen" = "$wanted" ] || { echo "CHANGED: expected
$wanted"; exit 1; }
