// Command pod is what the pods of the tests run. Its arguments say what it does,
// one after the other:
//
//	say=TEXT        print a line
//	append=FILE:TEXT add a line to a file
//	exit=CODE       end
//	serve=ADDRESS   serve until SIGTERM, and print "goodbye" then
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

func main() {
	for _, argument := range os.Args[1:] {
		verb, value, _ := strings.Cut(argument, "=")
		if err := do(verb, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func do(verb, value string) error {
	switch verb {
	case "say":
		fmt.Println(value)
		return nil
	case "append":
		file, text, _ := strings.Cut(value, ":")
		f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(f, text)
		return errors.Join(err, f.Close())
	case "exit":
		code, err := strconv.Atoi(value)
		if err != nil {
			return err
		}
		os.Exit(code)
	case "serve":
		return serve(value)
	}
	return fmt.Errorf("unknown argument %s=%s", verb, value)
}

// serve answers /ready as it was last told with ?set=true or false, /file with
// a file, /env with a variable, /get with what another server says, /api with what
// the API server says to the pod's service account, and all else with the pod's name.
func serve(address string) error {
	var unready atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, os.Getenv("POD_NAME")) })
	mux.HandleFunc("/ready", func(w http.ResponseWriter, r *http.Request) {
		if set := r.FormValue("set"); set != "" {
			unready.Store(set != "true")
		} else if unready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/env", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, os.Getenv(r.FormValue("name"))) })
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		content, err := os.ReadFile(r.FormValue("path"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		_, _ = w.Write(content)
	})
	mux.HandleFunc("/get", func(w http.ResponseWriter, r *http.Request) {
		response, err := http.Get(r.FormValue("url"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer response.Body.Close()
		_, _ = io.Copy(w, response.Body)
	})
	mux.HandleFunc("/api", func(w http.ResponseWriter, r *http.Request) {
		if err := askAPI(w, r.FormValue("path")); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
	})
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server := &http.Server{Addr: address, Handler: mux}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		fmt.Println("goodbye")
		return server.Close()
	}
}

// askAPI asks the API server in the way of every client inside of a cluster.
func askAPI(to io.Writer, path string) error {
	const dir = "/var/run/secrets/kubernetes.io/serviceaccount/"
	authority, err := os.ReadFile(dir + "ca.crt")
	if err != nil {
		return err
	}
	token, err := os.ReadFile(dir + "token")
	if err != nil {
		return err
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(authority)
	address := net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	request, err := http.NewRequest(http.MethodGet, "https://"+address+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(to, response.Body)
	return err
}
