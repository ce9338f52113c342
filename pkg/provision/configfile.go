package provision

import (
	"bytes"
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"

	"agentgateway.dev/controller/apis/v1alpha1"
)

// emptyConfig is what the proxy accepts as a file without content.
const emptyConfig = "config: {}"

// configFile is the proxy's file: rawConfig of the strongest level that has
// one, with typed fields over it. It isn't checked: what the proxy takes is
// between the proxy and the user.
func configFile(layers []layer, format v1alpha1.AgentgatewayParametersLoggingFormat) (string, *Problem) {
	content := map[string]any{}
	for _, l := range layers {
		raw := l.object.Spec.RawConfig
		if raw == nil || len(raw.Raw) == 0 {
			continue
		}
		content = nil
		decoder := json.NewDecoder(bytes.NewReader(raw.Raw))
		// Numbers stay as they were written.
		decoder.UseNumber()
		if err := decoder.Decode(&content); err != nil {
			return "", invalid(l.String(), "spec.rawConfig", "must be an object: "+err.Error())
		}
	}
	typed := map[string]any{}
	if format != "" {
		typed["config"] = map[string]any{"logging": map[string]any{"format": string(format)}}
	}
	content = mergeOver(content, typed)
	if len(content) == 0 {
		return emptyConfig, nil
	}
	text, err := yaml.Marshal(content)
	if err != nil {
		return "", invalid("", "spec.rawConfig", fmt.Sprintf("can't be written as YAML: %v", err))
	}
	return string(text), nil
}

// mergeOver returns under with over put over it: objects are merged, anything
// else is replaced.
func mergeOver(under, over map[string]any) map[string]any {
	merged := map[string]any{}
	for key, value := range under {
		merged[key] = value
	}
	for key, value := range over {
		below, isObject := merged[key].(map[string]any)
		above, mergeable := value.(map[string]any)
		if isObject && mergeable {
			merged[key] = mergeOver(below, above)
			continue
		}
		merged[key] = value
	}
	return merged
}
