package xds

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"agentgateway.dev/controller/pkg/resources"
)

type metrics struct {
	authRequests, authSuccesses, authFailures, rejects prometheus.Counter

	streams       prometheus.Gauge
	sentMessages  *prometheus.CounterVec
	sentResources *prometheus.CounterVec
	sentRemovals  *prometheus.CounterVec
}

// newMetrics registers the metrics of the server; nil makes them unregistered.
func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	counter := func(name, text string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: text})
	}
	byType := func(name, text string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: text}, []string{"type"})
	}
	m := &metrics{
		authRequests:  counter("agentgateway_xds_auth_rq_total", "xDS streams whose client was to be authenticated."),
		authSuccesses: counter("agentgateway_xds_auth_rq_success_total", "xDS streams whose client was authenticated."),
		authFailures:  counter("agentgateway_xds_auth_rq_failure_total", "xDS streams whose client was not authenticated."),
		rejects:       counter("agentgateway_xds_rejects_total", "xDS responses that a client rejected in part or accepted with warnings."),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "agentgateway_xds_connected_streams", Help: "xDS streams that are open.",
		}),
		sentMessages:  byType("agentgateway_xds_sent_messages_total", "xDS responses sent."),
		sentResources: byType("agentgateway_xds_sent_resources_total", "Resources in xDS responses sent."),
		sentRemovals:  byType("agentgateway_xds_sent_removals_total", "Removals in xDS responses sent."),
	}
	if registerer == nil {
		return m, nil
	}
	for _, collector := range []prometheus.Collector{
		m.authRequests, m.authSuccesses, m.authFailures, m.rejects,
		m.streams, m.sentMessages, m.sentResources, m.sentRemovals,
	} {
		if err := registerer.Register(collector); err != nil {
			return nil, fmt.Errorf("register xDS metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) authenticated(err error) {
	m.authRequests.Inc()
	if err != nil {
		m.authFailures.Inc()
		return
	}
	m.authSuccesses.Inc()
}

func (m *metrics) sent(r *Response) {
	label := typeLabel(r)
	m.sentMessages.WithLabelValues(label).Inc()
	m.sentResources.WithLabelValues(label).Add(float64(len(r.items)))
	m.sentRemovals.WithLabelValues(label).Add(float64(len(r.Removed)))
}

// typeLabel keeps the label to three values: a type URL that is not served is
// whatever a client wrote.
func typeLabel(r *Response) string {
	switch r.url {
	case resources.ResourceTypeURL:
		return "resource"
	case resources.AddressTypeURL:
		return "address"
	default:
		return "unknown"
	}
}
