package conformance

import (
	"context"
	"fmt"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/apis/v1alpha2"
	"sigs.k8s.io/gateway-api/apis/v1alpha3"
	"sigs.k8s.io/gateway-api/apis/v1beta1"
)

// newClient returns a client that knows the kinds of the suite. The suite
// makes more clients of its own, which share the scheme.
func newClient(config *rest.Config) (client.Client, error) {
	for _, install := range []func(*runtime.Scheme) error{
		gatewayv1.Install, v1beta1.Install, v1alpha2.Install, v1alpha3.Install, apiextensionsv1.AddToScheme,
	} {
		if err := install(scheme.Scheme); err != nil {
			return nil, err
		}
	}
	return client.New(config, client.Options{})
}

// awaitClass waits until the controller has made the class and said what it
// supports, which decides what is tested.
func awaitClass(ctx context.Context, c client.Client, name string, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		class := &gatewayv1.GatewayClass{}
		err := c.Get(ctx, client.ObjectKey{Name: name}, class)
		if err == nil && len(class.Status.SupportedFeatures) > 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the GatewayClass %s has no supported features after %s: %w", name, patience, err)
		}
	}
}
