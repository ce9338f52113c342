package inputs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer/streaming"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	restwatch "k8s.io/client-go/rest/watch"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayscheme "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned/scheme"
)

const routeContent = `{"apiVersion":"gateway.networking.k8s.io/v1","kind":"HTTPRoute","metadata":{"creationTimestamp":"2026-01-02T03:04:05Z",` +
	`"generation":2,"labels":{"app":"web"},"managedFields":[{"apiVersion":"gateway.networking.k8s.io/v1","fieldsType":"FieldsV1",` +
	`"fieldsV1":{"f:spec":{".":{},"f:hostnames":{},"f:parentRefs":{},"f:rules":{}}},"manager":"kubectl","operation":"Update","time":"2026-01-02T03:04:05Z"}],` +
	`"name":"web","namespace":"default","resourceVersion":"12345","uid":"d3adb33f-0000-4000-8000-000000000000"},` +
	`"spec":{"hostnames":["web.example.com"],"parentRefs":[{"group":"gateway.networking.k8s.io","kind":"Gateway","name":"gw"}],` +
	`"rules":[{"backendRefs":[{"group":"","kind":"Service","name":"web","port":80,"weight":1}],` +
	`"matches":[{"path":{"type":"PathPrefix","value":"/"}}],"timeouts":{"request":"10s"},"ofANewerVersion":{"a":[1,2.5,null]}}]},` +
	`"status":{"parents":[{"conditions":[{"lastTransitionTime":"2026-01-02T03:04:06Z","message":"accepted","observedGeneration":2,` +
	`"reason":"Accepted","status":"True","type":"Accepted"}],"controllerName":"agentgateway.dev/controller",` +
	`"parentRef":{"group":"gateway.networking.k8s.io","kind":"Gateway","name":"gw"}}]}}`

const badContent = `{"metadata":{"namespace":"default","name":"bad"},"spec":{"hostnames":"not a list"}}`

func httpRoutes(t *testing.T) Kind {
	for _, k := range Kinds {
		if k.GVK.Kind == "HTTPRoute" {
			return k
		}
	}
	t.Fatal("no kind HTTPRoute")
	return Kind{}
}

// serve returns a client of an API server that answers as handler does.
func serve(t *testing.T, handler http.HandlerFunc) rest.Interface {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	version := gwv1.SchemeGroupVersion
	client, err := rest.RESTClientFor(&rest.Config{Host: server.URL, APIPath: "/apis", ContentConfig: rest.ContentConfig{
		GroupVersion: &version, NegotiatedSerializer: rest.CodecFactoryForGeneratedClient(gatewayscheme.Scheme, gatewayscheme.Codecs).WithoutConversion(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// silenceErrors drops what is reported about objects that can't be decoded, and
// counts it.
func silenceErrors(t *testing.T) *int {
	handlers, count := utilruntime.ErrorHandlers, 0
	utilruntime.ErrorHandlers = []utilruntime.ErrorHandler{func(context.Context, error, string, ...any) { count++ }}
	t.Cleanup(func() { utilruntime.ErrorHandlers = handlers })
	return &count
}

// decodedByClientGo is an object as client-go reads it.
func decodedByClientGo(t testing.TB, content string) *gwv1.HTTPRoute {
	route := &gwv1.HTTPRoute{}
	decoder := gatewayscheme.Codecs.UniversalDeserializer()
	if _, _, err := decoder.Decode([]byte(content), nil, route); err != nil {
		t.Fatal(err)
	}
	route.TypeMeta, route.ManagedFields = metav1.TypeMeta{}, nil
	return route
}

func TestList(t *testing.T) {
	reported := silenceErrors(t)
	var asked string
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.String()
		fmt.Fprintf(w, `{"kind":"HTTPRouteList","metadata":{"resourceVersion":"99","continue":"next"},"items":[%s,%s]}`, badContent, routeContent)
	})
	got, err := list[*gwv1.HTTPRoute](client, httpRoutes(t), "team", metav1.ListOptions{Limit: 500, LabelSelector: "a=b"})
	if err != nil {
		t.Fatal(err)
	}
	if want := "/apis/gateway.networking.k8s.io/v1/namespaces/team/httproutes?labelSelector=a%3Db&limit=500"; asked != want {
		t.Errorf("asked for %s, want %s", asked, want)
	}
	objects, err := meta.ExtractList(got)
	if err != nil || len(objects) != 1 || *reported != 1 {
		t.Fatalf("got %d objects, %d reports, %v", len(objects), *reported, err)
	}
	if diff := cmp.Diff(decodedByClientGo(t, routeContent), objects[0]); diff != "" {
		t.Errorf("not what client-go reads (-client-go +here):\n%s", diff)
	}
	accessor, err := meta.ListAccessor(got)
	if err != nil || accessor.GetResourceVersion() != "99" || accessor.GetContinue() != "next" {
		t.Errorf("the list's metadata is lost: %+v, %v", accessor, err)
	}
}

func TestWatch(t *testing.T) {
	reported := silenceErrors(t)
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("watch") != "true" {
			http.Error(w, "no watch", http.StatusBadRequest)
		}
		fmt.Fprintln(w, `{"type":"ADDED","object":`+routeContent+`}`)
		fmt.Fprintln(w, `{"type":"MODIFIED","object":`+badContent+`}`)
		fmt.Fprintln(w, `{"type":"BOOKMARK","object":{"kind":"HTTPRoute","metadata":{"resourceVersion":"13000","annotations":{"k8s.io/initial-events-end":"true"}}}}`)
		fmt.Fprintln(w, `{"type":"ERROR","object":{"kind":"Status","status":"Failure","reason":"Expired","code":410}}`)
	})
	events, err := startWatch[*gwv1.HTTPRoute](client, httpRoutes(t), "", metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer events.Stop()
	var got []watch.Event
	for event := range events.ResultChan() {
		got = append(got, event)
	}
	want := []watch.Event{
		{Type: watch.Added, Object: decodedByClientGo(t, routeContent)},
		{Type: watch.Bookmark, Object: &gwv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "13000", Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"}}}},
		{Type: watch.Error, Object: &metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status"}, Status: metav1.StatusFailure, Reason: metav1.StatusReasonExpired, Code: http.StatusGone}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if *reported != 1 {
		t.Errorf("%d reports of one bad object", *reported)
	}
}

// TestRefused checks that what the API server says keeps its type: informers
// start anew on some of it.
func TestRefused(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusGone)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too old","reason":"Expired","code":410}`)
	})
	if _, err := startWatch[*gwv1.HTTPRoute](client, httpRoutes(t), "", metav1.ListOptions{ResourceVersion: "1"}); !apierrors.IsResourceExpired(err) {
		t.Errorf("got %v", err)
	}
	if _, err := list[*gwv1.HTTPRoute](client, httpRoutes(t), "", metav1.ListOptions{}); !apierrors.IsResourceExpired(err) {
		t.Errorf("got %v", err)
	}
}

// TestCutWatch checks the two ways in which a connection ends.
func TestCutWatch(t *testing.T) {
	for content, want := range map[string]error{"": io.EOF, `{"type":"ADDED","obj`: io.ErrUnexpectedEOF} {
		decoder := newEventDecoder[*gwv1.HTTPRoute](httpRoutes(t), io.NopCloser(strings.NewReader(content)))
		if _, _, err := decoder.Decode(); err != want {
			t.Errorf("%q: %v, want %v", content, err, want)
		}
	}
}

// endless reads the same bytes over and over.
type endless struct{ *bytes.Reader }

func (e endless) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if err == io.EOF {
		e.Reset([]byte(`{"type":"MODIFIED","object":` + routeContent + "}\n"))
		return e.Reader.Read(p)
	}
	return n, err
}

func (endless) Close() error { return nil }

// BenchmarkDecode is what one event costs, here and as client-go does it.
func BenchmarkDecode(b *testing.B) {
	b.Run("here", func(b *testing.B) {
		b.ReportAllocs()
		decoder := newEventDecoder[*gwv1.HTTPRoute](Kind{}, endless{bytes.NewReader(nil)})
		for b.Loop() {
			if _, _, err := decoder.Decode(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("client-go", func(b *testing.B) {
		b.ReportAllocs()
		negotiated := rest.CodecFactoryForGeneratedClient(gatewayscheme.Scheme, gatewayscheme.Codecs).WithoutConversion()
		media := negotiated.SupportedMediaTypes()[0]
		frames := streaming.NewDecoder(media.StreamSerializer.Framer.NewFrameReader(endless{bytes.NewReader(nil)}), media.StreamSerializer.Serializer)
		decoder := restwatch.NewDecoder(frames, negotiated.DecoderToVersion(media.Serializer, gwv1.SchemeGroupVersion))
		for b.Loop() {
			if _, _, err := decoder.Decode(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
