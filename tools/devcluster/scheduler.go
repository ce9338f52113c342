package main

import (
	"context"
	"fmt"

	"k8s.io/kubernetes/cmd/kube-scheduler/app"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"
)

// prepareScheduler returns the function that runs the scheduler until its
// context ends. It returns when the scheduler knows all pods and nodes; its
// informers live in the context components, starting only bounds the waiting.
//
// The parts are started here one by one, and not by the component's own Run,
// because that tells nobody when it begins to schedule.
func prepareScheduler(starting, components context.Context, c credentials) (func(context.Context) error, error) {
	o := options.NewOptions()
	err := parseFlags("kube-scheduler", *o.Flags,
		"--kubeconfig="+c.scheduler,
		"--leader-elect=false",
		"--secure-port=0",
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
	)
	if err != nil {
		return nil, err
	}
	config, scheduler, err := app.Setup(components, o)
	if err != nil {
		return nil, fmt.Errorf("setting up the scheduler: %w", err)
	}
	config.EventBroadcaster.StartRecordingToSink(components.Done())
	config.InformerFactory.Start(components.Done())
	config.DynInformerFactory.Start(components.Done())
	config.InformerFactory.WaitForCacheSync(starting.Done())
	config.DynInformerFactory.WaitForCacheSync(starting.Done())
	if err := scheduler.WaitForHandlersSync(starting); err != nil {
		return nil, fmt.Errorf("filling the scheduler's caches: %w", err)
	}
	return func(ctx context.Context) error {
		defer config.EventBroadcaster.Shutdown()
		scheduler.Run(ctx)
		return nil
	}, nil
}
