//go:build linux

package pods

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
	corev1 "k8s.io/api/core/v1"

	"agentgateway.dev/controller/tools/devcluster/node/container"
	"agentgateway.dev/controller/tools/devcluster/node/environment"
	"agentgateway.dev/controller/tools/devcluster/node/images"
)

const (
	defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:" + container.ImageDir
	// lastWordsSize is how much a container may say about its end, in bytes.
	lastWordsSize = 4096
)

// prepared is a container that can be started.
type prepared struct {
	spec container.Spec
	// id and imageID are those of the status.
	id, imageID string
	// lastWords is where the container may write why it ends.
	lastWords string
}

// prepare gathers all that the container needs. The error is a waitingError.
func (m *member) prepare() (prepared, error) {
	object := m.pod.withStatus()
	program, err := m.pod.machine.Images.Find(m.spec.Image)
	if err == nil {
		_, err = os.Stat(program.Command[0])
	}
	if err != nil {
		return prepared{}, &waitingError{"ErrImagePull", err.Error()}
	}
	variables, err := m.pod.machine.Environment.Variables(object, &m.spec, program.Env)
	if err != nil {
		return prepared{}, &waitingError{"CreateContainerConfigError", err.Error()}
	}
	user, err := m.user(object, program)
	if err != nil {
		return prepared{}, &waitingError{"CreateContainerConfigError", err.Error()}
	}
	p := prepared{
		imageID:   "file://" + program.Command[0],
		id:        fmt.Sprintf("process://%s-%s-%d", object.UID, m.spec.Name, m.nextRun()),
		lastWords: filepath.Join(m.pod.dir, "termination-"+m.spec.Name),
	}
	// Anybody may write it, because the container may run as anybody.
	if err := errors.Join(os.WriteFile(p.lastWords, nil, 0o666), os.Chmod(p.lastWords, 0o666)); err != nil {
		return prepared{}, &waitingError{"CreateContainerError", err.Error()}
	}
	mounts, err := m.mounts(object, program, p.lastWords, variables)
	if err != nil {
		return prepared{}, &waitingError{"CreateContainerConfigError", err.Error()}
	}
	p.spec = container.Spec{
		Root:     m.pod.machine.Root,
		Mounts:   mounts,
		Hostname: hostname(object),
		Command:  m.command(program, variables),
		Dir:      cmp.Or(m.spec.WorkingDir, program.WorkingDir, "/"),
		User:     user,
	}
	if context := m.spec.SecurityContext; context != nil && context.ReadOnlyRootFilesystem != nil {
		p.spec.ReadOnlyRoot = *context.ReadOnlyRootFilesystem
	}
	for name, value := range map[string]string{"PATH": defaultPath, "HOSTNAME": p.spec.Hostname, "HOME": "/"} {
		if _, set := variables[name]; !set {
			variables[name] = value
		}
	}
	p.spec.Env = environment.Lines(variables)
	return p, nil
}

func (m *member) nextRun() int {
	m.pod.mu.Lock()
	defer m.pod.mu.Unlock()
	return m.runs
}

// command is the image's program with the container's arguments, or the
// container's own command.
func (m *member) command(program images.Program, variables map[string]string) []string {
	arguments := environment.Expand(m.spec.Args, variables)
	if len(m.spec.Command) > 0 {
		return append(environment.Expand(m.spec.Command, variables), arguments...)
	}
	command := slices.Clone(program.Command)
	command[0] = inImage(program)
	if len(m.spec.Args) == 0 {
		arguments = program.Args
	}
	return append(command, arguments...)
}

// inImage is where the image's program lies in the container.
func inImage(program images.Program) string {
	return filepath.Join(container.ImageDir, filepath.Base(program.Command[0]))
}

// mounts returns what the container sees besides the system.
func (m *member) mounts(pod *corev1.Pod, program images.Program, lastWords string, variables map[string]string) ([]container.Mount, error) {
	mounts := []container.Mount{{Source: program.Command[0], Target: inImage(program), ReadOnly: true}}
	for inside, path := range program.Files {
		mounts = append(mounts, container.Mount{Source: path, Target: inside, ReadOnly: true})
	}
	for _, name := range []string{"hosts", "hostname", "resolv.conf"} {
		mounts = append(mounts, container.Mount{Source: filepath.Join(m.pod.dir, "etc", name), Target: "/etc/" + name})
	}
	mounts = append(mounts, container.Mount{Source: lastWords, Target: cmp.Or(m.spec.TerminationMessagePath, corev1.TerminationMessagePathDefault)})
	wanted := slices.Clone(m.spec.VolumeMounts)
	// A mount below another one comes after it, or it would be hidden.
	slices.SortStableFunc(wanted, func(a, b corev1.VolumeMount) int {
		return strings.Count(filepath.Clean(a.MountPath), "/") - strings.Count(filepath.Clean(b.MountPath), "/")
	})
	for _, mount := range wanted {
		at := slices.IndexFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name })
		if at < 0 {
			return nil, fmt.Errorf("volumeMount %q names no volume", mount.Name)
		}
		volume := pod.Spec.Volumes[at]
		source := m.pod.volumes.Path(volume)
		below := mount.SubPath
		if mount.SubPathExpr != "" {
			below = environment.Expand([]string{mount.SubPathExpr}, variables)[0]
		}
		if below != "" {
			var err error
			if source, err = subPath(source, below); err != nil {
				return nil, err
			}
		}
		// A kubelet shows what comes from the API read-only, whatever is asked
		// for.
		fixed := volume.ConfigMap != nil || volume.Secret != nil || volume.Projected != nil || volume.DownwardAPI != nil
		mounts = append(mounts, container.Mount{Source: source, Target: mount.MountPath, ReadOnly: mount.ReadOnly || fixed})
	}
	return mounts, nil
}

// subPath is a place in a volume, which is made if nothing is there.
func subPath(volume, below string) (string, error) {
	path, err := securejoin.SecureJoin(volume, below)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return path, os.MkdirAll(path, 0o777)
	}
	return path, nil
}

// user merges what the pod, the container and the image say.
func (m *member) user(pod *corev1.Pod, program images.Program) (container.User, error) {
	user := container.User{UID: int(program.User), GID: int(program.Group)}
	var nonRoot bool
	if context := pod.Spec.SecurityContext; context != nil {
		set(&user.UID, context.RunAsUser)
		set(&user.GID, context.RunAsGroup)
		nonRoot = isSet(context.RunAsNonRoot)
		for _, group := range context.SupplementalGroups {
			user.Groups = append(user.Groups, int(group))
		}
		if context.FSGroup != nil {
			user.Groups = append(user.Groups, int(*context.FSGroup))
		}
	}
	var drop, add []string
	privileged := false
	if context := m.spec.SecurityContext; context != nil {
		set(&user.UID, context.RunAsUser)
		set(&user.GID, context.RunAsGroup)
		if context.RunAsNonRoot != nil {
			nonRoot = *context.RunAsNonRoot
		}
		user.NoNewPrivileges = context.AllowPrivilegeEscalation != nil && !*context.AllowPrivilegeEscalation
		privileged = isSet(context.Privileged)
		if context.Capabilities != nil {
			for _, name := range context.Capabilities.Drop {
				drop = append(drop, string(name))
			}
			for _, name := range context.Capabilities.Add {
				add = append(add, string(name))
			}
		}
	}
	if !privileged {
		var err error
		if user.Keep, err = container.Capabilities(drop, add); err != nil {
			return container.User{}, err
		}
	}
	if !m.pod.machine.Users {
		// There is but one user, who is root in his own namespace only.
		user.UID, user.GID, user.Groups = 0, 0, nil
		return user, nil
	}
	if nonRoot && user.UID == 0 {
		return container.User{}, errors.New("container has runAsNonRoot and image will run as root")
	}
	return user, nil
}

// lastWords is the message for the end of a run.
func (m *member) lastWords(prepared prepared, exit container.Exit) string {
	content, err := os.ReadFile(prepared.lastWords)
	if err == nil && len(content) > 0 {
		return string(content[:min(len(content), lastWordsSize)])
	}
	if exit.Code == 0 || m.spec.TerminationMessagePolicy != corev1.TerminationMessageFallbackToLogsOnError {
		return ""
	}
	return m.logTail()
}

func set(value *int, by *int64) {
	if by != nil {
		*value = int(*by)
	}
}

func isSet(flag *bool) bool { return flag != nil && *flag }
