package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAnswerDescribesTheRequest(t *testing.T) {
	for _, version := range []int{1, 2} {
		server := httptest.NewUnstartedServer(nil)
		server.Config = newServer("pod-0", "here")
		server.Start()
		defer server.Close()

		transport := &http.Transport{Protocols: &http.Protocols{}}
		transport.Protocols.SetHTTP1(version == 1)
		transport.Protocols.SetUnencryptedHTTP2(version == 2)
		defer transport.CloseIdleConnections()

		request, err := http.NewRequest(http.MethodPost, server.URL+"/a%2Fb/c?x=1", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		request.Host = "example.com"
		response, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var got answer
		if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
			t.Fatal(err)
		}
		wantProto := map[int]string{1: "HTTP/1.1", 2: "HTTP/2.0"}[version]
		if got.Pod != "pod-0" || got.Listen != "here" || got.Method != "POST" || got.Path != "/a%2Fb/c" ||
			got.Query != "x=1" || got.Host != "example.com" || got.Proto != wantProto || got.BodyLength != 5 {
			t.Errorf("HTTP/%d: answer %+v", version, got)
		}
	}
}

func TestStatusIsTakenFromThePath(t *testing.T) {
	for path, want := range map[string]int{"/": 200, "/status/503": 503, "/status/99": 200, "/status/x": 200} {
		if got := statusOf(path); got != want {
			t.Errorf("%s: status %d, want %d", path, got, want)
		}
	}
}
