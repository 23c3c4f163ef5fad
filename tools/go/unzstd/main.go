// Unzstd reads zstd frames (RFC 8878) on standard input and writes what they hold to standard output. It goes into restore bundles, for nodes that have no zstd.
//
// Frames may follow each other, and skippable ones are passed over. Whatever is damaged, cut or no zstd at all ends it with exit code 1 and one line on standard error;
// what was written by then is not to be used. Exit code 2 is wrong usage.
//
// With --output FILE it writes to FILE, which it makes with mode 0600 or overwrites, and prints the SHA-256 of what it wrote: one pass, where a node would need tee and openssl beside it.
package main

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/klauspost/compress/zstd"
)

const (
	// What zstd itself takes without --long (ZSTD_WINDOWLOG_LIMIT_DEFAULT, 27): more would let a file say how much memory it gets.
	maxWindow = 128 << 20
	// Of one read from standard input.
	readSize = 1 << 20
	library  = "github.com/klauspost/compress"
)

func main() {
	// A reader who went away is an error with a line of its own, not a signal that ends the process in silence.
	signal.Ignore(syscall.SIGPIPE)
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	switch {
	case len(args) == 0:
		if err := decompress(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintf(os.Stderr, "unzstd: %v\n", err)
			return 1
		}
		return 0
	case len(args) == 1 && args[0] == "--version":
		if _, err := fmt.Println(version()); err != nil {
			fmt.Fprintf(os.Stderr, "unzstd: cannot write: %v\n", err)
			return 1
		}
		return 0
	case len(args) == 2 && args[0] == "--output" && args[1] != "":
		digest, err := decompressInto(os.Stdin, args[1])
		if err == nil {
			_, err = fmt.Println(digest)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "unzstd: %v\n", err)
			return 1
		}
		return 0
	default:
		fmt.Fprintln(os.Stderr, "unzstd: takes zstd frames on standard input and writes their content to standard output, or with --output FILE to FILE; or --version")
		return 2
	}
}

// decompressInto returns the SHA-256 of what it wrote, in hex.
func decompressInto(from io.Reader, path string) (string, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", fmt.Errorf("cannot write: %w", err)
	}
	defer file.Close()
	out := &digested{File: file, digest: sha256.New()}
	if err := decompress(from, out); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", out.digest.Sum(nil)), nil
}

// digested is a file, and the SHA-256 of what was written to it.
type digested struct {
	*os.File
	digest hash.Hash
}

func (d *digested) Write(p []byte) (int, error) {
	n, err := d.File.Write(p)
	d.digest.Write(p[:n])
	return n, err
}

func decompress(from io.Reader, to io.WriteCloser) error {
	in := &remembered{reader: from}
	buffered := bufio.NewReaderSize(in, readSize)
	// zstd refuses it too: an empty snapshot is an empty frame, and nothing at all is a lost one.
	if _, err := buffered.Peek(1); err == io.EOF {
		return errors.New("the input is empty")
	}
	decoder, err := zstd.NewReader(buffered, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow))
	if err != nil {
		return fmt.Errorf("cannot decompress: %w", err)
	}
	defer decoder.Close()
	out := &remembered{writer: to}
	_, err = decoder.WriteTo(out)
	// What the library says of a failed read or write may be what it makes of it.
	switch {
	case out.err != nil:
		return fmt.Errorf("cannot write: %w", out.err)
	case in.err != nil:
		return fmt.Errorf("cannot read: %w", in.err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the input ends in the middle of a frame")
	case errors.Is(err, zstd.ErrMagicMismatch):
		return errors.New("the input is no zstd, or something else follows a frame")
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return fmt.Errorf("a frame asks for a window of more than %d MiB", maxWindow>>20)
	case err != nil:
		return fmt.Errorf("the input is damaged: %w", err)
	}
	// Some file systems tell only now that they could not keep what was written.
	if err := to.Close(); err != nil {
		return fmt.Errorf("cannot write: %w", err)
	}
	return nil
}

// remembered keeps the first error of the side that it stands for.
type remembered struct {
	reader io.Reader
	writer io.Writer
	err    error
}

func (r *remembered) Read(p []byte) (int, error) {
	n, err := r.reader.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

func (r *remembered) Write(p []byte) (int, error) {
	n, err := r.writer.Write(p)
	if err != nil {
		r.err = err
	}
	return n, err
}

// version is the library's: what this program does is what that does.
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
