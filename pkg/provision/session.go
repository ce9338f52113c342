package provision

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	sessionVariable = "SESSION_KEY"
	sessionDataKey  = "key"
	// sessionKeyBytes is the length of an AES-256 key.
	sessionKeyBytes = 32
)

// NewSessionKey returns a random key as the proxy wants it, 64 lowercase
// hexadecimal digits.
func NewSessionKey() string {
	key := make([]byte, sessionKeyBytes)
	// It never fails: without randomness the program ends.
	_, _ = rand.Read(key)
	return hex.EncodeToString(key)
}

// sessionKey returns the key of the Secret that there is, or a new one. It is
// empty when neither is to be had. A Secret with anything but a key is never
// overwritten: somebody else may rely on what it holds.
func (r Request) sessionKey(secret string) ([]byte, *Problem) {
	if r.Session == nil {
		if r.Defaults.NewSessionKey == nil {
			return nil, nil
		}
		return []byte(r.Defaults.NewSessionKey()), nil
	}
	object := fmt.Sprintf("Secret %s/%s", r.Gateway.Namespace, secret)
	text := bytes.TrimSpace(r.Session.Key)
	if len(text) == 0 {
		return nil, invalid(object, "data.key", "must hold a session key; delete the Secret to have one made")
	}
	// What it is must not appear in the message: it is a secret.
	if decoded, err := hex.DecodeString(string(text)); err != nil || len(decoded) != sessionKeyBytes {
		return nil, invalid(object, "data.key", fmt.Sprintf("must be %d hexadecimal digits; delete the Secret to have a key made", 2*sessionKeyBytes))
	}
	return r.Session.Key, nil
}

func (i identity) sessionSecret(name string, key []byte) *corev1.Secret {
	secret := &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: secretKind},
		ObjectMeta: i.meta(name, i.shortLabels(), nil),
		Type:       corev1.SecretTypeOpaque,
	}
	if len(key) > 0 {
		secret.Data = map[string][]byte{sessionDataKey: key}
	}
	return secret
}

// concealed is an error whose text doesn't show what must not be seen.
type concealed struct {
	error
	text string
}

func (c concealed) Error() string { return c.text }

func (c concealed) Unwrap() error { return c.error }

// conceal takes the key in body, that of a session Secret, out of an error that
// ends in Events, conditions and logs. The API server doesn't repeat what it
// was sent, but webhooks may.
func conceal(err error, body string) error {
	var secret corev1.Secret
	if json.Unmarshal([]byte(body), &secret) != nil {
		return err
	}
	text := err.Error()
	for _, value := range secret.Data {
		if len(value) > 0 {
			text = strings.NewReplacer(string(value), "…", base64.StdEncoding.EncodeToString(value), "…").Replace(text)
		}
	}
	return concealed{error: err, text: text}
}
