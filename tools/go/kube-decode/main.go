// Kube-decode reads objects that a kube-apiserver stores in etcd in another form than JSON, or in a version that it does not serve, and answers each in JSON as the API has it.
//
// Standard input is frames: four bytes with the length, big endian, and a value of etcd. Standard output is one answer for each, in their order: a byte, four bytes with
// the length, and the text. The byte is 'J' for the JSON of an object, and 'R' for the reason why the value stays as it is. A damaged object is such an answer, and no end.
// Exit code 1 and one line on standard error: it cannot go on. Exit code 2 is wrong usage, or Go's own death, such as of want of memory.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
)

const (
	// Of one value: etcd takes 1.5 MiB unless it is told otherwise. Read by shared/kube/program/ too.
	maxValue = 8 << 20
	// Of one object in JSON.
	maxAnswer = 64 << 20
	// Smaller ones never fill the memory.
	largeValue = 64 << 10
	library    = "k8s.io/client-go"
)

func main() {
	// A reader who went away is an error with a line of its own, not a signal that ends the process in silence.
	signal.Ignore(syscall.SIGPIPE)
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	switch {
	case len(args) == 0:
		limitMemory()
		if err := answerAll(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintf(os.Stderr, "kube-decode: %v\n", err)
			return 1
		}
		return 0
	case len(args) == 1 && args[0] == "--version":
		if _, err := fmt.Println(version()); err != nil {
			fmt.Fprintf(os.Stderr, "kube-decode: cannot write: %v\n", err)
			return 1
		}
		return 0
	default:
		fmt.Fprintln(os.Stderr, "kube-decode: takes no arguments: values of etcd in frames on standard input, their objects on standard output; or --version")
		return 2
	}
}

func answerAll(from io.Reader, to io.Writer) error {
	in, out := bufio.NewReaderSize(from, 1<<16), bufio.NewWriterSize(to, 1<<16)
	var value []byte
	for {
		// Whoever waits for an answer sends no more: what is done goes out before the wait.
		if in.Buffered() == 0 {
			if err := flush(out); err != nil {
				return err
			}
		}
		var header [4]byte
		if _, err := io.ReadFull(in, header[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return readError(err)
		}
		length := int64(binary.BigEndian.Uint32(header[:]))
		if length > maxValue {
			return fmt.Errorf("a frame of %d bytes is longer than %d MiB", length, maxValue>>20)
		}
		// Should this one be the end of us, all before it is answered, and it is known which one it was.
		if length > largeValue {
			if err := flush(out); err != nil {
				return err
			}
		}
		if int64(cap(value)) < length {
			value = make([]byte, length)
		}
		value = value[:length]
		if _, err := io.ReadFull(in, value); err != nil {
			return readError(err)
		}
		if err := writeAnswer(out, value); err != nil {
			return fmt.Errorf("cannot write: %w", err)
		}
	}
}

func flush(out *bufio.Writer) error {
	if err := out.Flush(); err != nil {
		return fmt.Errorf("cannot write: %w", err)
	}
	return nil
}

func readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the input ends in the middle of a frame")
	}
	return fmt.Errorf("cannot read: %w", err)
}

func writeAnswer(out *bufio.Writer, value []byte) error {
	kind, text := byte('J'), []byte(nil)
	object, err := decode(value)
	switch {
	case err != nil:
		kind, text = 'R', []byte(err.Error())
	case len(object) > maxAnswer:
		kind, text = 'R', fmt.Appendf(nil, "has %d bytes in JSON, more than %d MiB", len(object), maxAnswer>>20)
	default:
		text = object
	}
	header := [5]byte{kind}
	binary.BigEndian.PutUint32(header[1:], uint32(len(text)))
	if _, err := out.Write(header[:]); err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

// version is client-go's: which kinds it knows is what this program knows.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == library {
				return strings.TrimPrefix(module.Version, "v")
			}
		}
	}
	return "(devel)"
}
