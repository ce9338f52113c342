package inputs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"

	"istio.io/istio/pkg/config/schema/kubeclient"
	"istio.io/istio/pkg/kube/controllers"
)

// The API server sends custom resources as JSON only, and reading that JSON is
// most of what a change costs an informer. client-go looks at the bytes of an
// event four times; here they are cut once and decoded once, straight into the
// Go type, and managedFields are passed over: a seventh of the time
// (BenchmarkDecode).

// decoding is how objects are decoded: unknown fields are ignored, as fields of
// a newer version of a CRD must be. The API server has checked the rest.
var decoding = json.JoinOptions(
	jsontext.AllowDuplicateNames(true),
	jsontext.AllowInvalidUTF8(true),
	json.WithUnmarshalers(json.UnmarshalFromFunc(func(decoder *jsontext.Decoder, _ *[]metav1.ManagedFieldsEntry) error {
		return decoder.SkipValue()
	})),
)

// reader returns a client that can ask for any path of the API server, or nil if c is
// a fake one, which serves no bytes.
func reader(c kubeclient.ClientGetter) rest.Interface {
	if c.IsWatchListSemanticsUnSupported() {
		return nil
	}
	return c.GatewayAPI().GatewayV1().RESTClient()
}

// request is for the objects of a kind, in one namespace or in all.
func (k Kind) request(client rest.Interface, namespace string, options metav1.ListOptions) *rest.Request {
	path := []string{"apis", k.GVR.Group, k.GVR.Version}
	if namespace != "" {
		path = append(path, "namespaces", namespace)
	}
	return client.Get().AbsPath(append(path, k.GVR.Resource)...).
		SpecificallyVersionedParams(&options, metav1.ParameterCodec, schema.GroupVersion{Version: "v1"}).
		SetHeader("Accept", runtime.ContentTypeJSON)
}

// list reads all objects.
func list[T controllers.ComparableObject](client rest.Interface, k Kind, namespace string, options metav1.ListOptions) (runtime.Object, error) {
	body, err := k.request(client, namespace, options).Stream(context.Background())
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var read struct {
		Metadata metav1.ListMeta `json:"metadata"`
		Items    items[T]        `json:"items"`
	}
	read.Items.kind = k
	if err := json.UnmarshalRead(body, &read, decoding); err != nil {
		return nil, fmt.Errorf("read the list of %s: %w", k.GVR.Resource, err)
	}
	return &objectList{ListMeta: read.Metadata, Items: read.Items.objects}, nil
}

// items are the objects of a list, decoded one by one.
type items[T controllers.ComparableObject] struct {
	kind    Kind
	objects []runtime.Object
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (l *items[T]) UnmarshalJSONFrom(decoder *jsontext.Decoder) error {
	if opening, err := decoder.ReadToken(); err != nil || opening.Kind() != '[' {
		return err // null
	}
	for decoder.PeekKind() != ']' {
		content, err := decoder.ReadValue()
		if err != nil {
			return err
		}
		if object, ok := decode[T](content, l.kind.GVK); ok {
			l.objects = append(l.objects, object)
		}
	}
	_, err := decoder.ReadToken()
	return err
}

// startWatch reads events until the API server or the reader ends them.
func startWatch[T controllers.ComparableObject](client rest.Interface, k Kind, namespace string, options metav1.ListOptions) (watch.Interface, error) {
	options.Watch = true
	body, err := k.request(client, namespace, options).Stream(context.Background())
	if err != nil {
		return nil, err
	}
	return watch.NewStreamWatcher(newEventDecoder[T](k, body), apierrors.NewClientErrorReporter(http.StatusInternalServerError, http.MethodGet, "ClientWatchDecoding")), nil
}

// eventDecoder implements watch.Decoder.
type eventDecoder[T controllers.ComparableObject] struct {
	kind    Kind
	body    io.ReadCloser
	decoder *jsontext.Decoder
	// event is kept for the memory of its object.
	event struct {
		Type   watch.EventType `json:"type"`
		Object jsontext.Value  `json:"object"`
	}
}

func newEventDecoder[T controllers.ComparableObject](k Kind, body io.ReadCloser) *eventDecoder[T] {
	return &eventDecoder[T]{kind: k, body: body, decoder: jsontext.NewDecoder(body, decoding)}
}

// Decode returns the next event whose object can be decoded.
func (d *eventDecoder[T]) Decode() (watch.EventType, runtime.Object, error) {
	for {
		if err := json.UnmarshalDecode(d.decoder, &d.event, decoding); err != nil {
			// The watcher takes this error for the usual end of a connection
			// only if it is bare.
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = io.ErrUnexpectedEOF
			}
			return "", nil, err
		}
		if d.event.Type == watch.Error {
			failure := &metav1.Status{}
			if err := json.Unmarshal(d.event.Object, failure, decoding); err != nil {
				return "", nil, err
			}
			return watch.Error, failure, nil
		}
		if object, ok := decode[T](d.event.Object, d.kind.GVK); ok {
			return d.event.Type, object, nil
		}
	}
}

// Close ends the connection.
func (d *eventDecoder[T]) Close() { _ = d.body.Close() }

// decode makes an object of its JSON form. One that can't be decoded is
// reported and left out: it must not hide the others.
func decode[T controllers.ComparableObject](content []byte, gvk schema.GroupVersionKind) (object T, ok bool) {
	object, ok = reflect.New(reflect.TypeFor[T]().Elem()).Interface().(T)
	if !ok {
		return object, false
	}
	if err := json.Unmarshal(content, object, decoding); err != nil {
		utilruntime.HandleError(fmt.Errorf("%s %s/%s is left out: %w", gvk.Kind, object.GetNamespace(), object.GetName(), err))
		return object, false
	}
	// Known from the type, and two strings an object otherwise.
	object.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	return object, true
}
