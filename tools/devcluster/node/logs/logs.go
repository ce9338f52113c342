// Package logs keeps what containers print, in the file format of container
// runtimes: "<time> <stream> <F or P> <text>", one line each.
package logs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// partialSize is how much of a line is kept in one entry, in bytes.
const partialSize = 16 << 10

// Log is what one run of a container has printed.
type Log struct {
	path string

	mu   sync.Mutex
	file *os.File
	// grown is closed and made anew with every write.
	grown chan struct{}
	ended bool
}

// Create makes an empty log.
func Create(path string) (*Log, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &Log{path: path, file: file, grown: make(chan struct{})}, nil
}

// Stream returns a writer for one of the container's streams. It cuts what it
// gets into lines; the rest is written when the writer is closed.
func (l *Log) Stream(name string) io.WriteCloser { return &stream{log: l, name: name} }

type stream struct {
	log  *Log
	name string
	rest []byte
}

func (s *stream) Write(p []byte) (int, error) {
	s.rest = append(s.rest, p...)
	for {
		end := bytes.IndexByte(s.rest, '\n')
		switch {
		case end >= 0:
			s.log.add(s.name, "F", s.rest[:end])
			s.rest = s.rest[end+1:]
		case len(s.rest) >= partialSize:
			s.log.add(s.name, "P", s.rest)
			s.rest = nil
		default:
			return len(p), nil
		}
	}
}

func (s *stream) Close() error {
	if len(s.rest) > 0 {
		s.log.add(s.name, "P", s.rest)
		s.rest = nil
	}
	return nil
}

func (l *Log) add(stream, kind string, text []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	// A full disk loses lines, as it would anywhere.
	fmt.Fprintf(l.file, "%s %s %s %s\n", time.Now().UTC().Format(time.RFC3339Nano), stream, kind, text)
	close(l.grown)
	l.grown = make(chan struct{})
}

// End says that nothing follows. Readers that follow the log come to its end.
func (l *Log) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.ended = true
		l.file.Close()
		close(l.grown)
	}
}

// state returns the channel that tells of the next change, and whether there
// is one.
func (l *Log) state() (<-chan struct{}, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.grown, l.ended
}

// Options choose what a reader gets.
type Options struct {
	Follow, Timestamps bool
	// Tail is how many lines from the end to begin with; negative means all.
	Tail int64
	// Limit is how many bytes to write at most; negative means all.
	Limit int64
	Since time.Time
}

// Copy writes the log as its container printed it.
func (l *Log) Copy(ctx context.Context, to io.Writer, options Options) error {
	file, err := os.Open(l.path)
	if err != nil {
		return err
	}
	defer file.Close()
	if options.Tail >= 0 {
		if err := skipToTail(file, options.Tail); err != nil {
			return err
		}
	}
	if options.Limit >= 0 {
		to = &limited{to: to, left: options.Limit}
	}
	reader := bufio.NewReader(file)
	var pending []byte
	for {
		changed, ended := l.state()
		for {
			part, err := reader.ReadBytes('\n')
			pending = append(pending, part...)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			if err := options.write(to, pending); err != nil {
				if errors.Is(err, errLimit) {
					return nil
				}
				return err
			}
			pending = pending[:0]
		}
		if ended || !options.Follow {
			return nil
		}
		if flusher, ok := to.(interface{ Flush() }); ok {
			flusher.Flush()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// write writes one entry.
func (o Options) write(to io.Writer, entry []byte) error {
	parts := strings.SplitN(strings.TrimSuffix(string(entry), "\n"), " ", 4)
	if len(parts) < 4 {
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, parts[0])
	if err != nil || at.Before(o.Since) {
		return nil
	}
	text := parts[3]
	if o.Timestamps {
		text = parts[0] + " " + text
	}
	if parts[2] == "F" {
		text += "\n"
	}
	_, err = io.WriteString(to, text)
	return err
}

// skipToTail moves to the beginning of the last lines of the file.
func skipToTail(file *os.File, lines int64) error {
	content, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	at := len(content)
	for range lines {
		if at == 0 {
			break
		}
		at = bytes.LastIndexByte(content[:at-1], '\n') + 1
	}
	_, err = file.Seek(int64(at), io.SeekStart)
	return err
}

var errLimit = errors.New("enough was written")

type limited struct {
	to   io.Writer
	left int64
}

func (l *limited) Write(p []byte) (int, error) {
	if int64(len(p)) > l.left {
		_, err := l.to.Write(p[:l.left])
		l.left = 0
		return 0, errors.Join(errLimit, err)
	}
	l.left -= int64(len(p))
	return l.to.Write(p)
}

// Flush passes on to a writer that holds back.
func (l *limited) Flush() {
	if flusher, ok := l.to.(interface{ Flush() }); ok {
		flusher.Flush()
	}
}
