package provision

import (
	"encoding/base64"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestErrorsDontShowKeys(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte(testKey))
	err := apierrors.NewConflict(schema.GroupResource{Resource: "secrets"}, "gw-session-key", errorText("denied: "+testKey+" or "+encoded+" is weak"))
	got := conceal(err, `{"kind": "Secret", "data": {"key": "`+encoded+`"}}`)
	if text := got.Error(); strings.Contains(text, testKey) || strings.Contains(text, encoded) || !strings.Contains(text, "is weak") {
		t.Errorf("the error says %q", text)
	}
	if !apierrors.IsConflict(got) {
		t.Error("the kind of the error is lost")
	}
}

type errorText string

func (e errorText) Error() string { return string(e) }
