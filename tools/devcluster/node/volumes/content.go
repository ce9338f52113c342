package volumes

import (
	"context"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/api/v1/resource"
	"k8s.io/kubernetes/pkg/fieldpath"
	volumeutil "k8s.io/kubernetes/pkg/volume/util"
)

// defaultTokenSeconds is the life of a token that names none, and
// defaultFileMode the mode of a file that names none. The API server fills in
// both, so they matter only for pods that didn't come from it.
const (
	defaultTokenSeconds int64 = 3600
	defaultFileMode     int32 = 0o644
)

// tokenKey is what makes tokens of a pod differ.
type tokenKey struct {
	audience string
	seconds  int64
}

type token struct {
	value string
	// renewal is when to ask for the next one.
	renewal time.Time
}

func (v *Volumes) configMap(namespace, name string, items []corev1.KeyToPath, mode *int32, optional *bool, into files) error {
	found, err := v.source.ConfigMaps.ConfigMaps(namespace).Get(name)
	if err != nil {
		if apierrors.IsNotFound(err) && isSet(optional) {
			return nil
		}
		return err
	}
	all := make(map[string][]byte, len(found.Data)+len(found.BinaryData))
	for key, value := range found.Data {
		all[key] = []byte(value)
	}
	for key, value := range found.BinaryData {
		all[key] = value
	}
	return project(all, "ConfigMap "+name, items, mode, isSet(optional), into)
}

func (v *Volumes) secret(namespace, name string, items []corev1.KeyToPath, mode *int32, optional *bool, into files) error {
	found, err := v.source.Secrets.Secrets(namespace).Get(name)
	if err != nil {
		if apierrors.IsNotFound(err) && isSet(optional) {
			return nil
		}
		return err
	}
	return project(found.Data, "Secret "+name, items, mode, isSet(optional), into)
}

// project adds the wanted keys, or all if none is named.
func project(data map[string][]byte, name string, items []corev1.KeyToPath, mode *int32, optional bool, into files) error {
	if len(items) == 0 {
		for key, value := range data {
			into[key] = volumeutil.FileProjection{Data: value, Mode: modeOf(nil, mode)}
		}
		return nil
	}
	for _, item := range items {
		value, found := data[item.Key]
		if !found {
			if optional {
				continue
			}
			return fmt.Errorf("%s has no key %q", name, item.Key)
		}
		into[item.Path] = volumeutil.FileProjection{Data: value, Mode: modeOf(item.Mode, mode)}
	}
	return nil
}

func (v *Volumes) downward(pod *corev1.Pod, items []corev1.DownwardAPIVolumeFile, mode *int32, into files) error {
	for _, item := range items {
		var value string
		var err error
		switch {
		case item.FieldRef != nil:
			value, err = fieldpath.ExtractFieldPathAsString(pod, item.FieldRef.FieldPath)
		case item.ResourceFieldRef != nil:
			value, err = resource.ExtractResourceValueByContainerNameAndNodeAllocatable(item.ResourceFieldRef, pod, item.ResourceFieldRef.ContainerName, v.source.Allocatable)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", item.Path, err)
		}
		into[item.Path] = volumeutil.FileProjection{Data: []byte(value), Mode: modeOf(item.Mode, mode)}
	}
	return nil
}

// token adds a token of the pod's service account, bound to the pod. It is
// asked for anew when four fifths of its life have passed.
func (v *Volumes) token(ctx context.Context, pod *corev1.Pod, source *corev1.ServiceAccountTokenProjection, mode *int32, into files) (time.Time, error) {
	key := tokenKey{audience: source.Audience, seconds: defaultTokenSeconds}
	if source.ExpirationSeconds != nil {
		key.seconds = *source.ExpirationSeconds
	}
	have := v.tokens[key]
	if have == nil || !time.Now().Before(have.renewal) {
		fresh, err := v.requestToken(ctx, pod, key)
		if err != nil {
			return time.Time{}, err
		}
		have = fresh
		v.tokens[key] = fresh
	}
	// Only root could read a stricter mode, and programs run as others.
	into[source.Path] = volumeutil.FileProjection{Data: []byte(have.value), Mode: modeOf(nil, mode)}
	return have.renewal, nil
}

func (v *Volumes) requestToken(ctx context.Context, pod *corev1.Pod, key tokenKey) (*token, error) {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: &key.seconds,
		BoundObjectRef:    &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID},
	}}
	if key.audience != "" {
		request.Spec.Audiences = []string{key.audience}
	}
	asked := time.Now()
	made, err := v.source.Client.CoreV1().ServiceAccounts(pod.Namespace).CreateToken(ctx, pod.Spec.ServiceAccountName, request, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("a token of the service account %s: %w", pod.Spec.ServiceAccountName, err)
	}
	life := made.Status.ExpirationTimestamp.Sub(asked)
	return &token{value: made.Status.Token, renewal: asked.Add(life * 4 / 5)}, nil
}

func modeOf(own, general *int32) int32 {
	if own != nil {
		return *own
	}
	if general != nil {
		return *general
	}
	return defaultFileMode
}

func isSet(flag *bool) bool { return flag != nil && *flag }
