package xdsclient

import (
	"io"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestReasons(t *testing.T) {
	for _, test := range []struct {
		name    string
		err     error
		headers bool
		want    EndReason
	}{
		{name: "clean", err: io.EOF, headers: true, want: EndComplete},
		{name: "refused at once", err: status.Error(codes.Unauthenticated, ""), want: EndConnectionError},
		{name: "cancelled", err: status.Error(codes.Canceled, ""), headers: true, want: EndReconnect},
		{name: "deadline", err: status.Error(codes.DeadlineExceeded, ""), headers: true, want: EndReconnect},
		{name: "going away", err: status.Error(codes.Unavailable, "received prior goaway: NO_ERROR"), headers: true, want: EndReconnect},
		{name: "unavailable", err: status.Error(codes.Unavailable, "overloaded"), headers: true, want: EndError},
		{name: "other", err: status.Error(codes.Internal, ""), headers: true, want: EndError},
	} {
		if got := classify(test.err, test.headers); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestWaits(t *testing.T) {
	var w waits
	for i, want := range []time.Duration{20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10240, 15000, 15000} {
		if got := w.next(EndError); got != want*time.Millisecond {
			t.Errorf("wait %d: %v, want %v", i, got, want*time.Millisecond)
		}
	}
	if got := w.next(EndComplete); got != 0 {
		t.Errorf("after a clean end: %v", got)
	}
	if got := w.next(EndReconnect); got != 10*time.Millisecond {
		t.Errorf("after a broken connection: %v", got)
	}
	w.reset()
	if got := w.next(EndConnectionError); got != 20*time.Millisecond {
		t.Errorf("after a response: %v", got)
	}
}
