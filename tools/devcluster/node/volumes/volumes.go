// Package volumes writes what the volumes of a pod hold into directories, as a
// kubelet does: all files of a volume change at once, by the exchange of a
// symbolic link, so that a reader never sees half of a change.
package volumes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	volumeutil "k8s.io/kubernetes/pkg/volume/util"
)

// Source is where the content comes from.
type Source struct {
	Client     kubernetes.Interface
	ConfigMaps corelisters.ConfigMapLister
	Secrets    corelisters.SecretLister
	// Allocatable is what a container without limits may use.
	Allocatable corev1.ResourceList
	// Groups tells that files can be given to any group.
	Groups bool
}

// Volumes are those of one pod. They aren't safe for concurrent use.
type Volumes struct {
	source *Source
	dir    string
	tokens map[tokenKey]*token
}

type files = map[string]volumeutil.FileProjection

// New keeps volumes below the directory, which it makes.
func New(source *Source, dir string) *Volumes {
	return &Volumes{source: source, dir: dir, tokens: map[tokenKey]*token{}}
}

// Path is the directory of a volume on this machine.
func (v *Volumes) Path(volume corev1.Volume) string {
	if volume.HostPath != nil {
		return volume.HostPath.Path
	}
	return filepath.Join(v.dir, volume.Name)
}

// Write brings all volumes up to date. It returns when they should be written
// again even if no ConfigMap or Secret changes; the zero time means never.
// Volumes that can't be written keep what they have, and are named in the
// error.
func (v *Volumes) Write(ctx context.Context, pod *corev1.Pod) (time.Time, error) {
	var again time.Time
	var problems []error
	for _, volume := range pod.Spec.Volumes {
		next, err := v.write(ctx, pod, volume)
		if err != nil {
			problems = append(problems, fmt.Errorf("volume %q: %w", volume.Name, err))
		}
		again = earlier(again, next)
	}
	return again, errors.Join(problems...)
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (v *Volumes) write(ctx context.Context, pod *corev1.Pod, volume corev1.Volume) (time.Time, error) {
	switch {
	case volume.HostPath != nil:
		return time.Time{}, prepareHostPath(volume.HostPath)
	case volume.EmptyDir != nil:
		return time.Time{}, v.makeEmptyDir(pod, volume)
	}
	content := files{}
	again, err := v.content(ctx, pod, volume.VolumeSource, content)
	if err != nil {
		return again, err
	}
	return again, v.replace(pod, volume, content)
}

// content gathers the files of a volume that is written from the API.
func (v *Volumes) content(ctx context.Context, pod *corev1.Pod, volume corev1.VolumeSource, into files) (time.Time, error) {
	switch {
	case volume.ConfigMap != nil:
		s := volume.ConfigMap
		return time.Time{}, v.configMap(pod.Namespace, s.Name, s.Items, s.DefaultMode, s.Optional, into)
	case volume.Secret != nil:
		s := volume.Secret
		return time.Time{}, v.secret(pod.Namespace, s.SecretName, s.Items, s.DefaultMode, s.Optional, into)
	case volume.DownwardAPI != nil:
		return time.Time{}, v.downward(pod, volume.DownwardAPI.Items, volume.DownwardAPI.DefaultMode, into)
	case volume.Projected != nil:
		return v.projected(ctx, pod, volume.Projected, into)
	}
	return time.Time{}, errors.New("volumes of this type aren't supported here: use configMap, secret, projected, downwardAPI, emptyDir or hostPath")
}

func (v *Volumes) projected(ctx context.Context, pod *corev1.Pod, volume *corev1.ProjectedVolumeSource, into files) (time.Time, error) {
	var again time.Time
	for _, source := range volume.Sources {
		part := files{}
		var err error
		switch {
		case source.ConfigMap != nil:
			s := source.ConfigMap
			err = v.configMap(pod.Namespace, s.Name, s.Items, volume.DefaultMode, s.Optional, part)
		case source.Secret != nil:
			s := source.Secret
			err = v.secret(pod.Namespace, s.Name, s.Items, volume.DefaultMode, s.Optional, part)
		case source.DownwardAPI != nil:
			err = v.downward(pod, source.DownwardAPI.Items, volume.DefaultMode, part)
		case source.ServiceAccountToken != nil:
			var next time.Time
			next, err = v.token(ctx, pod, source.ServiceAccountToken, volume.DefaultMode, part)
			again = earlier(again, next)
		default:
			err = errors.New("projected sources of this type aren't supported here")
		}
		if err != nil {
			return again, err
		}
		maps.Copy(into, part)
	}
	return again, nil
}

// replace exchanges the files of a volume if any differ.
func (v *Volumes) replace(pod *corev1.Pod, volume corev1.Volume, content files) error {
	dir := v.Path(volume)
	// The mode is set apart from the umask, because containers run as others.
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o755)); err != nil {
		return err
	}
	writer, err := volumeutil.NewAtomicWriter(dir, "volume "+volume.Name)
	if err != nil {
		return err
	}
	return writer.Write(content, func(subPath string) error { return v.own(pod, filepath.Join(dir, subPath)) })
}

func (v *Volumes) makeEmptyDir(pod *corev1.Pod, volume corev1.Volume) error {
	dir := v.Path(volume)
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := errors.Join(os.MkdirAll(dir, 0o777), os.Chmod(dir, 0o777)); err != nil {
		return err
	}
	return v.own(pod, dir)
}

// own gives files to the pod's group, where it names one.
func (v *Volumes) own(pod *corev1.Pod, root string) error {
	if pod.Spec.SecurityContext == nil || pod.Spec.SecurityContext.FSGroup == nil || !v.source.Groups {
		return nil
	}
	group := int(*pod.Spec.SecurityContext.FSGroup)
	return filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := os.Lchown(path, -1, group); err != nil || entry.Type()&os.ModeSymlink != 0 {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		// Files that are made in a directory are to belong to the group too.
		mode := info.Mode().Perm() | 0o440
		if entry.IsDir() {
			mode |= 0o770 | os.ModeSetgid
		}
		return os.Chmod(path, mode)
	})
}

func prepareHostPath(volume *corev1.HostPathVolumeSource) error {
	kind := corev1.HostPathUnset
	if volume.Type != nil {
		kind = *volume.Type
	}
	if kind == corev1.HostPathDirectoryOrCreate {
		return os.MkdirAll(volume.Path, 0o755)
	}
	if _, err := os.Stat(volume.Path); err != nil {
		return fmt.Errorf("hostPath: %w", err)
	}
	return nil
}
