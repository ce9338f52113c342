package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayclient "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned/typed/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/settings"
)

const (
	classDescription = "Specialized class for agentgateway."

	firstClassRetry = time.Second
	lastClassRetry  = 30 * time.Second
)

var classResource = schema.GroupVersionResource{Group: gwv1.GroupName, Version: "v1", Resource: "gatewayclasses"}

// classKeeper creates our GatewayClass and puts it right when someone changes
// or deletes it. Only the leader runs it.
type classKeeper struct {
	name string
	// controllers are the accepted controllerNames; the first is for new
	// classes.
	controllers []string
	parameters  *settings.ParametersRef

	client gatewayclient.GatewayClassInterface
	live   krt.Collection[*gwv1.GatewayClass]
	// installed blocks until the CRD exists, and returns false when the
	// channel closes first.
	installed func(stop <-chan struct{}) bool
	logger    *zap.Logger
	// begin is called when an application begins, and what it returns when it
	// has ended.
	begin func() (end func(error))

	watching sync.Once
	// changed has room for one signal, which is enough: the class is read when
	// the signal is handled.
	changed chan struct{}
}

// Run keeps the class until ctx ends. It may run again, but not twice at the
// same time.
func (k *classKeeper) Run(ctx context.Context) {
	if !k.installed(ctx.Done()) {
		return
	}
	k.watching.Do(k.watch)
	delay := firstClassRetry
	for {
		var retry <-chan time.Time
		end := k.begin()
		err := k.apply(ctx)
		end(err)
		if err == nil {
			delay = firstClassRetry
		} else if ctx.Err() == nil {
			k.logger.Error("keeping the GatewayClass failed, trying again", zap.String("class", k.name), zap.Duration("after", delay), zap.Error(err))
			retry = time.After(delay)
			delay = min(2*delay, lastClassRetry)
		}
		select {
		case <-ctx.Done():
			return
		case <-k.changed:
		case <-retry:
		}
	}
}

// watch signals changes of what the class should be, and its deletion. A class
// that appears is nothing new: it was applied, or will be for its deletion or
// at the start. The handler stays for good: an informer whose CRD came late
// cannot remove a single one.
func (k *classKeeper) watch() {
	k.live.Register(func(event krt.Event[*gwv1.GatewayClass]) {
		if krt.GetKey(event.Latest()) != k.name || event.Old == nil {
			return
		}
		before := *event.Old
		if event.New != nil && before.Generation == (*event.New).Generation && before.UID == (*event.New).UID {
			return
		}
		select {
		case k.changed <- struct{}{}:
		default:
		}
	})
}

// apply makes the API server's class what it should be. Fields that others set
// stay, as do labels and annotations.
func (k *classKeeper) apply(ctx context.Context) error {
	controller, err := k.controllerName(ctx)
	if err != nil {
		return err
	}
	body, err := json.Marshal(k.desired(controller))
	if err != nil {
		return fmt.Errorf("encode GatewayClass: %w", err)
	}
	force := true
	if _, err := k.client.Patch(ctx, k.name, types.ApplyPatchType, body, metav1.PatchOptions{Force: &force, FieldManager: controller}); err != nil {
		return fmt.Errorf("apply GatewayClass: %w", err)
	}
	return nil
}

// controllerName returns the name for the class. It cannot change once the
// class exists.
func (k *classKeeper) controllerName(ctx context.Context) (string, error) {
	class, err := k.client.Get(ctx, k.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return k.controllers[0], nil
	}
	if err != nil {
		return "", fmt.Errorf("read GatewayClass: %w", err)
	}
	if name := string(class.Spec.ControllerName); slices.Contains(k.controllers, name) {
		return name, nil
	}
	return "", fmt.Errorf("the GatewayClass belongs to controller %q and is left alone", class.Spec.ControllerName)
}

// desired is the applied configuration: exactly the fields that are ours.
func (k *classKeeper) desired(controller string) map[string]any {
	spec := map[string]any{"controllerName": controller, "description": classDescription}
	if k.parameters != nil {
		spec["parametersRef"] = map[string]any{
			"group": k.parameters.Group, "kind": k.parameters.Kind,
			"namespace": k.parameters.Namespace, "name": k.parameters.Name,
		}
	}
	return map[string]any{
		"apiVersion": classResource.GroupVersion().String(),
		"kind":       "GatewayClass",
		"metadata":   map[string]any{"name": k.name},
		"spec":       spec,
	}
}
