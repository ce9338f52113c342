//go:build linux

package pods

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// keepReporting reports the status whenever it may have changed.
func (p *Pod) keepReporting(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.dirty:
		}
		if !p.report(ctx) {
			signal(p.dirty)
			sleep(ctx, retryPeriod)
		}
	}
}

// report sends the status if it differs from what was sent before. It returns
// false if that is to be tried again.
func (p *Pod) report(ctx context.Context) bool {
	p.reporting.Lock()
	defer p.reporting.Unlock()
	object := p.current()
	before := p.reported
	if before == nil {
		before = &object.Status
	}
	status := p.status(*before)
	if p.isHalted() || p.reported != nil && apiequality.Semantic.DeepEqual(*p.reported, status) {
		return true
	}
	patch, err := difference(object.UID, *before, status)
	if err != nil {
		p.machine.Log("encoding the status of pod %s: %v", p.name(), err)
		return true
	}
	_, err = p.machine.Client.CoreV1().Pods(object.Namespace).Patch(ctx, object.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) || ctx.Err() != nil {
		return true
	}
	if err != nil {
		p.machine.Log("reporting the status of pod %s: %v", p.name(), err)
		return false
	}
	p.reported = &status
	return true
}

// difference is the patch that makes one status the other. Conditions of
// others, which are in both, stay as they are.
func difference(uid types.UID, before, after corev1.PodStatus) ([]byte, error) {
	old, err := json.Marshal(map[string]any{"status": before})
	if err != nil {
		return nil, err
	}
	wanted, err := json.Marshal(map[string]any{"status": after, "metadata": map[string]any{"uid": uid}})
	if err != nil {
		return nil, err
	}
	return strategicpatch.CreateTwoWayMergePatch(old, wanted, corev1.Pod{})
}

// withStatus is the pod with its status of this moment, as the downward API
// shows it.
func (p *Pod) withStatus() *corev1.Pod {
	object := p.current().DeepCopy()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fillAddresses(&object.Status)
	return object
}

func (p *Pod) fillAddresses(status *corev1.PodStatus) {
	status.HostIP = p.machine.Address
	status.HostIPs = []corev1.HostIP{{IP: p.machine.Address}}
	if p.address != "" {
		status.PodIP, status.PodIPs = p.address, []corev1.PodIP{{IP: p.address}}
	}
}

// status describes the pod. Conditions that are as they were keep the time of
// their last transition.
func (p *Pod) status(before corev1.PodStatus) corev1.PodStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	started := p.started
	status := corev1.PodStatus{StartTime: &started, QOSClass: p.object.Status.QOSClass, ObservedGeneration: p.object.Generation}
	p.fillAddresses(&status)
	ready := true
	var unready []string
	for _, m := range p.members {
		current := *m.status.DeepCopy()
		if m.role != ordinary {
			if m.role == initial {
				// It is ready when it has done its work.
				current.Ready = m.status.State.Terminated != nil && m.status.State.Terminated.ExitCode == 0
			}
			status.InitContainerStatuses = append(status.InitContainerStatuses, current)
		} else {
			status.ContainerStatuses = append(status.ContainerStatuses, current)
		}
		if m.role != initial && !current.Ready {
			ready = false
			unready = append(unready, m.spec.Name)
		}
	}
	status.Phase = p.phase()
	completed := status.Phase == corev1.PodSucceeded || status.Phase == corev1.PodFailed
	reason, message := "", ""
	switch {
	case status.Phase == corev1.PodSucceeded:
		ready, reason = false, "PodCompleted"
	case status.Phase == corev1.PodFailed:
		ready, reason = false, "PodFailed"
	case !ready:
		reason, message = "ContainersNotReady", fmt.Sprintf("containers with unready status: %v", unready)
	}
	generation := p.object.Generation
	add := func(kind corev1.PodConditionType, holds bool, reason, message string) {
		status.Conditions = append(status.Conditions, condition(before, kind, holds, reason, message, generation))
	}
	add(corev1.PodReadyToStartContainers, p.network != nil || p.object.Spec.HostNetwork && !completed, "", "")
	initialized, why := p.initialized || len(p.object.Spec.InitContainers) == 0, ""
	if !initialized {
		why = "ContainersNotInitialized"
	}
	add(corev1.PodInitialized, initialized, why, "")
	add(corev1.ContainersReady, ready && p.initialized, reason, message)
	if gate := p.closedGate(); ready && gate != "" {
		ready, reason, message = false, "ReadinessGatesNotReady", fmt.Sprintf("the status of pod readiness gate %q is not \"True\"", gate)
	}
	add(corev1.PodReady, ready && p.initialized, reason, message)
	for _, other := range before.Conditions {
		if !slices.ContainsFunc(status.Conditions, func(c corev1.PodCondition) bool { return c.Type == other.Type }) {
			status.Conditions = append(status.Conditions, other)
		}
	}
	return status
}

// closedGate returns a readiness gate that isn't open, or "".
func (p *Pod) closedGate() corev1.PodConditionType {
	for _, gate := range p.object.Spec.ReadinessGates {
		open := false
		for _, c := range p.object.Status.Conditions {
			open = open || c.Type == gate.ConditionType && c.Status == corev1.ConditionTrue
		}
		if !open {
			return gate.ConditionType
		}
	}
	return ""
}

func condition(before corev1.PodStatus, kind corev1.PodConditionType, holds bool, reason, message string, generation int64) corev1.PodCondition {
	c := corev1.PodCondition{
		Type: kind, Status: corev1.ConditionFalse, Reason: reason, Message: message,
		LastTransitionTime: metav1.Time{Time: time.Now().Truncate(time.Second)}, ObservedGeneration: generation,
	}
	if holds {
		c.Status = corev1.ConditionTrue
	}
	for _, old := range before.Conditions {
		if old.Type == kind && old.Status == c.Status {
			c.LastTransitionTime = old.LastTransitionTime
		}
	}
	return c
}

// phase sums up the containers.
func (p *Pod) phase() corev1.PodPhase {
	policy := p.object.Spec.RestartPolicy
	var running, ended, failed, never int
	for _, m := range p.members {
		state := m.status.State
		if m.role == initial {
			if t := state.Terminated; t != nil && t.ExitCode != 0 && (policy == corev1.RestartPolicyNever || p.wanted.Err() != nil) {
				return corev1.PodFailed
			}
			continue
		}
		if m.role == sidecar {
			continue
		}
		switch {
		case state.Running != nil:
			running++
		case state.Terminated != nil:
			ended++
			if state.Terminated.ExitCode != 0 {
				failed++
			}
		case m.status.LastTerminationState.Terminated != nil:
			// Between two runs.
			running++
		default:
			never++
		}
	}
	over := p.wanted.Err() != nil || policy == corev1.RestartPolicyNever || policy == corev1.RestartPolicyOnFailure && failed == 0
	switch {
	case !p.initialized || never > 0:
		return corev1.PodPending
	case running > 0 || !over:
		return corev1.PodRunning
	case failed > 0:
		return corev1.PodFailed
	}
	return corev1.PodSucceeded
}
