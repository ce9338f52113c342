package conformance

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

// longestLine bounds a line of the controller's log, in bytes.
const longestLine = 1 << 20

// refusals returns what proxies didn't apply of what they were sent, from the
// controller's log. A user's mistake never has that effect: the controller
// knows what a proxy takes. Warnings don't count; a listener whose certificate
// is broken, for one, is sent with that certificate on purpose.
func refusals(log string) ([]string, error) {
	file, err := os.Open(log)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var found []string
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		var line struct {
			Gateway  string `json:"gateway"`
			Resource string `json:"resource"`
			Severity string `json:"severity"`
			Text     string `json:"text"`
		}
		// Other lines have fields of other types, or are no JSON at all.
		if json.Unmarshal(lines.Bytes(), &line) != nil || line.Severity != "error" || line.Resource == "" {
			continue
		}
		text := fmt.Sprintf("%s refused %s: %s", line.Gateway, line.Resource, line.Text)
		if !slices.Contains(found, text) {
			found = append(found, text)
		}
	}
	return found, lines.Err()
}
