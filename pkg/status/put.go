package status

import (
	"context"
	"fmt"

	"github.com/go-json-experiment/json"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"istio.io/istio/pkg/kube/controllers"
)

// metadataOnly asks the API server to answer with the metadata of what it
// stored. The rest comes by the watch; reading it twice costs as much as
// writing it.
const metadataOnly = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=1,application/json"

// updateStatus is the method of a typed client.
type updateStatus[T any] func(context.Context, T, metav1.UpdateOptions) (T, error)

// put writes the status of an object of the named resource and returns the
// resourceVersion that it has then. A fake client has no connection: with one
// the typed method does it.
func put[T controllers.Object](ctx context.Context, client rest.Interface, resource string, object T, typed updateStatus[T]) (version string, err error) {
	if connected, real := client.(*rest.RESTClient); !real || connected == nil {
		stored, err := typed(ctx, object, metav1.UpdateOptions{})
		if err != nil {
			return "", err
		}
		return stored.GetResourceVersion(), nil
	}
	result := client.Put().NamespaceIfScoped(object.GetNamespace(), object.GetNamespace() != "").
		Resource(resource).Name(object.GetName()).SubResource("status").
		SetHeader("Accept", metadataOnly).Body(object).Do(ctx)
	if err := result.Error(); err != nil {
		return "", err
	}
	body, err := result.Raw()
	if err != nil {
		return "", err
	}
	var stored struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(body, &stored); err != nil {
		return "", fmt.Errorf("read what was stored of %s %s/%s: %w", resource, object.GetNamespace(), object.GetName(), err)
	}
	return stored.Metadata.ResourceVersion, nil
}
