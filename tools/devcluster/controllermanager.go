package main

import (
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	"k8s.io/kubernetes/cmd/kube-controller-manager/names"
)

// controllers are those that have work in a cluster without kubelets, clouds,
// volumes or certificate requests. Each one that isn't here saves informers.
var controllers = []string{
	names.ServiceAccountController,
	names.ServiceAccountTokenController,
	names.RootCACertificatePublisherController,
	names.ClusterRoleAggregationController,
	names.NamespaceController,
	names.GarbageCollectorController,
	names.EndpointsController,
	names.EndpointSliceController,
	names.EndpointSliceMirroringController,
	names.DeploymentController,
	names.ReplicaSetController,
	names.ReplicationControllerController,
	names.StatefulSetController,
	names.DaemonSetController,
	names.JobController,
	names.CronJobController,
	names.DisruptionController,
	names.HorizontalPodAutoscalerController,
	names.ResourceQuotaController,
	names.PodGarbageCollectorController,
	names.NodeLifecycleController,
	names.TaintEvictionController,
	names.TTLController,
	names.TTLAfterFinishedController,
	names.ValidatingAdmissionPolicyStatusController,
}

// prepareControllerManager returns the function that runs the controllers
// until its context ends. The API server must already answer.
func prepareControllerManager(ctx context.Context, c credentials) (func(context.Context) error, error) {
	o, err := options.NewKubeControllerManagerOptions()
	if err != nil {
		return nil, fmt.Errorf("the controller manager's options: %w", err)
	}
	disabled, aliases := app.ControllersDisabledByDefault(), app.ControllerAliases()
	err = parseFlags("kube-controller-manager", o.Flags(app.KnownControllers(), disabled, aliases),
		"--kubeconfig="+c.controllerManager,
		"--controllers="+strings.Join(controllers, ","),
		// Each controller acts with its own service account, so that RBAC says
		// about it what it says in a real cluster.
		"--use-service-account-credentials=true",
		"--service-account-private-key-file="+c.serviceAccountKey,
		"--root-ca-file="+c.authority,
		"--leader-elect=false",
		"--secure-port=0",
		// The usual limits spare an API server that serves many machines.
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
	)
	if err != nil {
		return nil, err
	}
	config, err := o.Config(ctx, app.KnownControllers(), disabled, aliases)
	if err != nil {
		return nil, fmt.Errorf("the controller manager's options: %w", err)
	}
	return func(ctx context.Context) error { return app.Run(ctx, config.Complete()) }, nil
}

// waitControllerManager returns when the namespace "default" has what the
// controllers give to every namespace: without it no pod can be made there.
func waitControllerManager(ctx context.Context, client kubernetes.Interface) error {
	return poll(ctx, func() error {
		_, err := client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		if err != nil {
			return err
		}
		_, err = client.CoreV1().ConfigMaps(metav1.NamespaceDefault).Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		return err
	})
}
