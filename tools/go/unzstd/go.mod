module etcd-lifeboat/tools/unzstd

go 1.25.0

tool etcd-lifeboat/tools/unzstd

require github.com/klauspost/compress v1.20.4
