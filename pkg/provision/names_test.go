package provision

import "testing"

func TestNames(t *testing.T) {
	for _, test := range []struct{ gateway, name, secret string }{
		{"gw", "gw", "gw-session-key"},
		{
			"very-long-gateway-name-that-is-exactly-sixty-three-characterslo",
			"very-long-gateway-name-that-is-exactly-sixty-three-characterslo",
			"very-long-gateway-name-that-is-exactly-sixty-three-b1cae6b4f8d3",
		},
		{
			"extremely-long-gateway-name-that-exceeds-the-sixty-three-character-limit-imposed-by-kubernetes-dns-naming-requirements",
			"extremely-long-gateway-name-that-exceeds-the-sixty-ff41b39ff097",
			"extremely-long-gateway-name-that-exceeds-the-sixty-961030199626",
		},
	} {
		if got := Name(test.gateway); got != test.name {
			t.Errorf("Name(%s) = %s, want %s", test.gateway, got, test.name)
		}
		if got := sessionSecretName(Name(test.gateway)); got != test.secret {
			t.Errorf("session Secret of %s is %s, want %s", test.gateway, got, test.secret)
		}
	}
}

func TestPortIsInternalOnlyIfAllSaySo(t *testing.T) {
	ports, problem := servicePorts([]Port{{80, false}, {8080, true}, {9090, true}, {9090, false}}, 443)
	if problem != nil || len(ports) != 2 || ports[0] != 80 || ports[1] != 9090 {
		t.Errorf("got %v, %v", ports, problem)
	}
}
