package controller

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Values of the label "controller".
const (
	gatewayReconciler = "gateway"
	classReconciler   = "gatewayclass"
)

// reconciliations are metrics of the leader's work on Gateways and classes, for
// each of them. The names are those of earlier controllers of agentgateway.
type reconciliations struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	running  *prometheus.GaugeVec
}

func newReconciliations(registry prometheus.Registerer) *reconciliations {
	labels := []string{"controller", "name", "namespace"}
	r := &reconciliations{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "agentgateway_controller_reconciliations_total",
			Help: "Reconciliations by object and result (success, error).",
		}, append(labels, "result")),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "agentgateway_controller_reconcile_duration_seconds",
			Help:    "How long reconciliations took, by object.",
			Buckets: []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5},
			// More exact for those who scrape native histograms.
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		}, labels),
		running: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "agentgateway_controller_reconciliations_running",
			Help: "Reconciliations under way, by object.",
		}, labels),
	}
	registry.MustRegister(r.total, r.duration, r.running)
	return r
}

// begin counts a reconciliation, which ends when the returned function is
// called with its error.
func (r *reconciliations) begin(controller, namespace, name string) (end func(error)) {
	began, running := time.Now(), r.running.WithLabelValues(controller, name, namespace)
	running.Inc()
	return func(err error) {
		result := "success"
		if err != nil {
			result = "error"
		}
		running.Dec()
		r.total.WithLabelValues(controller, name, namespace, result).Inc()
		r.duration.WithLabelValues(controller, name, namespace).Observe(time.Since(began).Seconds())
	}
}

// forget drops what is known of an object that is gone.
func (r *reconciliations) forget(controller, namespace, name string) {
	labels := prometheus.Labels{"controller": controller, "name": name, "namespace": namespace}
	r.total.DeletePartialMatch(labels)
	r.duration.Delete(labels)
	r.running.Delete(labels)
}
