#!/usr/bin/env bash
# versitygw 1.8.0 lists the version "null" of an object in a bucket where versioning was never turned on, as AWS S3 does. Get knows the object
# by that name, and head does not: HeadObject with versionId=null answers 404 where GetObject answers 200. A client that lists versions and looks at each by
# the id that it was given takes them for gone.
#
# Seen with github.com/versity/versitygw v1.8.0 and @aws-sdk/client-s3 3.1169.0:
#   listed: null
#   head without a version: 200
#   head by the version that was listed: 404
#   get by the version that was listed: 200
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
import { CreateBucketCommand, GetObjectCommand, HeadObjectCommand, ListObjectVersionsCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
const client = new S3Client({
  endpoint: `http://127.0.0.1:${process.argv[2]}`,
  region: "us-east-1",
  forcePathStyle: true,
  credentials: { accessKeyId: "finding", secretAccessKey: "finding-secret" },
});
const at = { Bucket: "plain", Key: "object" };
const status = async (command) => {
  try {
    return (await client.send(command)).$metadata.httpStatusCode;
  } catch (error) {
    return error.$metadata?.httpStatusCode ?? error.name;
  }
};
await client.send(new CreateBucketCommand({ Bucket: at.Bucket }));
await client.send(new PutObjectCommand({ ...at, Body: "text" }));
const { Versions = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: at.Bucket }));
const VersionId = Versions[0]?.VersionId;
console.log(`listed: ${VersionId}`);
console.log(`head without a version: ${await status(new HeadObjectCommand(at))}`);
console.log(`head by the version that was listed: ${await status(new HeadObjectCommand({ ...at, VersionId }))}`);
console.log(`get by the version that was listed: ${await status(new GetObjectCommand({ ...at, VersionId }))}`);
client.destroy();
JS
seen=$(node try.mjs "$port" 2> node.log)
echo "$seen"
wanted='listed: null
head without a version: 200
head by the version that was listed: 404
get by the version that was listed: 200'
[ "$seen" = "$wanted" ] || { echo "CHANGED: expected
$wanted"; exit 1; }
