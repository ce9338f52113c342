package logs

import (
	"bytes"
	"io"
	"path/filepath"
	"testing"
	"time"
)

func written(t *testing.T) *Log {
	t.Helper()
	log, err := Create(filepath.Join(t.TempDir(), "0.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.End)
	return log
}

func TestCopy(t *testing.T) {
	log := written(t)
	out, errs := log.Stream("stdout"), log.Stream("stderr")
	for stream, text := range map[io.WriteCloser]string{out: "one\nt"} {
		if _, err := io.WriteString(stream, text); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = io.WriteString(errs, "oops\n")
	_, _ = io.WriteString(out, "wo\nend")
	out.Close()
	log.End()
	for _, test := range []struct {
		name, want string
		options    Options
	}{
		{"all", "one\noops\ntwo\nend", Options{Tail: -1, Limit: -1}},
		{"tail", "two\nend", Options{Tail: 2, Limit: -1}},
		{"no tail", "", Options{Tail: 0, Limit: -1}},
		{"long tail", "one\noops\ntwo\nend", Options{Tail: 100, Limit: -1}},
		{"limit", "one\noo", Options{Tail: -1, Limit: 6}},
		{"since", "", Options{Tail: -1, Limit: -1, Since: time.Now().Add(time.Hour)}},
		{"followed to its end", "one\noops\ntwo\nend", Options{Tail: -1, Limit: -1, Follow: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got bytes.Buffer
			if err := log.Copy(t.Context(), &got, test.options); err != nil {
				t.Fatal(err)
			}
			if got.String() != test.want {
				t.Errorf("got %q, want %q", got.String(), test.want)
			}
		})
	}
}

// TestFollow reads what is written after the reader began.
func TestFollow(t *testing.T) {
	log := written(t)
	out := log.Stream("stdout")
	reader, writer := io.Pipe()
	go func() {
		_ = log.Copy(t.Context(), writer, Options{Tail: -1, Limit: -1, Follow: true, Timestamps: true})
		writer.Close()
	}()
	_, _ = io.WriteString(out, "hello\n")
	line := make([]byte, len("2006-01-02T15:04:05"))
	if _, err := io.ReadFull(reader, line); err != nil {
		t.Fatal(err)
	}
	if _, err := time.Parse("2006-01-02T15:04:05", string(line)); err != nil {
		t.Error(err)
	}
	go func() {
		_, _ = io.WriteString(out, "bye\n")
		log.End()
	}()
	rest, err := io.ReadAll(reader)
	if err != nil || !bytes.HasSuffix(rest, []byte(" bye\n")) {
		t.Errorf("got %q, %v", rest, err)
	}
}
