package provision

import (
	corev1 "k8s.io/api/core/v1"
)

// image merges the parts of the proxy's image: [registry/]repository[:tag][@digest].
// A part that is set to an empty text is left out.
func (d Defaults) image(layers []layer) (string, corev1.PullPolicy, *Problem) {
	registry, repository, tag, digest := d.ImageRegistry, d.ImageRepository, d.ImageTag, ""
	var pullPolicy corev1.PullPolicy
	blame := ""
	for _, l := range layers {
		image := l.object.Spec.Image
		if image == nil {
			continue
		}
		if image.Repository != nil {
			blame = l.String()
		}
		override(&registry, image.Registry)
		override(&repository, image.Repository)
		override(&tag, image.Tag)
		override(&digest, image.Digest)
		override(&pullPolicy, image.PullPolicy)
	}
	if repository == "" {
		return "", "", invalid(blame, "spec.image.repository", "must not be empty")
	}
	text := repository
	if registry != "" {
		text = registry + "/" + text
	}
	if tag != "" {
		text += ":" + tag
	}
	if digest != "" {
		text += "@" + digest
	}
	return text, pullPolicy, nil
}

func override[T any](value *T, by *T) {
	if by != nil {
		*value = *by
	}
}
