package controller

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"agentgateway.dev/controller/pkg/addresses"
	"agentgateway.dev/controller/pkg/admin"
	"agentgateway.dev/controller/pkg/graph"
	"agentgateway.dev/controller/pkg/mesh"
	"agentgateway.dev/controller/pkg/references"
	"agentgateway.dev/controller/pkg/settings"
	"agentgateway.dev/controller/pkg/xds"
)

// xdsModes are the settings' names of the server's modes.
var xdsModes = map[settings.XDSMode]xds.Mode{
	settings.XDSPlaintext: xds.ModePlaintext,
	settings.XDSTLS:       xds.ModeTLS,
	settings.XDSEither:    xds.ModeEither,
}

// graphSettings picks what changes a translation.
func graphSettings(s settings.Settings) graph.Settings {
	return graph.Settings{
		Controllers:    s.Controllers,
		ManagedClass:   s.ClassName,
		GrantMode:      references.GrantMode(s.BackendGrants),
		InferencePools: s.InferenceExtension,
		Addresses:      addresses.Settings{ClusterDomain: s.ClusterDomain, ClusterID: s.Istio.ClusterID},
		Mesh:           meshSettings(s),
	}
}

// meshSettings says where Istio's configuration is.
func meshSettings(s settings.Settings) mesh.Settings {
	return mesh.Settings{Namespace: s.Istio.Namespace, Revision: s.Istio.Revision}
}

// listen opens all ports before anything else starts, so that one that is
// taken stops the process at once.
func listen(ctx context.Context, s settings.Settings) (map[string]net.Listener, error) {
	listeners := map[string]net.Listener{}
	for name, address := range map[string]string{
		"health": s.HealthAddress, "metrics": s.MetricsAddress, "admin": s.AdminAddress, "xds": s.XDS.Address,
	} {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("listen for %s: %w", name, err), closeAll(listeners))
		}
		listeners[name] = listener
	}
	return listeners, nil
}

func closeAll(listeners map[string]net.Listener) error {
	var failed []error
	for _, listener := range listeners {
		failed = append(failed, listener.Close())
	}
	return errors.Join(failed...)
}

// boundTo returns what is really listened on, which only differs from what was
// asked for by the port.
func boundTo(listeners map[string]net.Listener) map[string]string {
	found := make(map[string]string, len(listeners))
	for name, listener := range listeners {
		found[name] = listener.Addr().String()
	}
	return found
}

// serve starts all servers. Those over HTTP end with living, the xDS server by
// being drained.
func (c *controller) serve(living context.Context, listeners map[string]net.Listener) {
	if c.Listening != nil {
		c.Listening(boundTo(listeners))
	}
	debug := admin.Debug{
		Build: c.Build, Logs: c.logs, Collections: c.debug,
		Sessions: func() any { return c.xds.Sessions() },
	}
	for name, handler := range map[string]http.Handler{
		"health":  c.health.Handler(),
		"metrics": admin.MetricsHandler(c.registry),
		"admin":   debug.Handler(),
	} {
		c.work.Go(func() {
			if err := admin.Serve(living, listeners[name], handler); err != nil {
				c.fail(err)
			}
		})
	}
	c.work.Go(func() {
		// Proxies that come before the configuration is complete wait in the
		// listener's queue. Refused ones would try again and again, and in the end
		// be the later for it: they double their waits up to 15 s.
		select {
		case <-c.complete:
		case <-living.Done():
		}
		if err := c.xds.Serve(listeners["xds"]); err != nil {
			c.fail(err)
		}
	})
}
