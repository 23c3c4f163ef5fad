package main

import (
	"runtime/debug"
	"syscall"
)

const (
	// Where the garbage collector works harder: an object is at most 64 MiB in JSON.
	softMemory = 192 << 20
	// Where the kernel says no: a few bytes of protobuf can ask for a thousand times their size.
	hardMemory = 512 << 20
)

func limitMemory() {
	debug.SetMemoryLimit(softMemory)
	// Go reserves addresses far beyond what it uses, which RLIMIT_AS would count. Where there is no such limit the first one is all there is.
	_ = syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: hardMemory, Max: hardMemory})
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
}
