package xds

import (
	"context"
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestTokenReview(t *testing.T) {
	good := func() authenticationv1.TokenReviewStatus { return accountReview("system:serviceaccount:ns:gw") }
	tests := []struct {
		name   string
		change func(*authenticationv1.TokenReviewStatus)
		ok     bool
	}{
		{name: "good", change: func(*authenticationv1.TokenReviewStatus) {}, ok: true},
		{name: "audiences unknown", change: func(s *authenticationv1.TokenReviewStatus) { s.Audiences = nil }, ok: true},
		{name: "other audience", change: func(s *authenticationv1.TokenReviewStatus) { s.Audiences = []string{"istio-ca"} }},
		{name: "error", change: func(s *authenticationv1.TokenReviewStatus) { s.Error = "expired" }},
		{name: "not authenticated", change: func(s *authenticationv1.TokenReviewStatus) { s.Authenticated = false }},
		{name: "no group", change: func(s *authenticationv1.TokenReviewStatus) { s.User.Groups = nil }},
		{name: "three parts", change: func(s *authenticationv1.TokenReviewStatus) { s.User.Username = "system:serviceaccount:ns" }},
		{name: "five parts", change: func(s *authenticationv1.TokenReviewStatus) { s.User.Username = "system:serviceaccount:ns:gw:x" }},
		{name: "node", change: func(s *authenticationv1.TokenReviewStatus) { s.User.Username = "system:node:ns:gw" }},
		{name: "no name", change: func(s *authenticationv1.TokenReviewStatus) { s.User.Username = "system:serviceaccount:ns:" }},
	}
	ctx := metadata.NewIncomingContext(context.Background(), metadata.Pairs("authorization", "Bearer token"))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			review := good()
			test.change(&review)
			reviewer := TokenReviewer{reviews: reviewFunc(func(string) authenticationv1.TokenReviewStatus { return review })}
			peer, err := reviewer.Authenticate(ctx)
			if test.ok {
				if err != nil || peer != (Peer{Namespace: "ns", ServiceAccount: "gw"}) {
					t.Errorf("got %+v, %v", peer, err)
				}
				return
			}
			if status.Code(err) != codes.Unauthenticated || !strings.Contains(err.Error(), "authentication failed") || peer != (Peer{}) {
				t.Errorf("got %+v, %v", peer, err)
			}
		})
	}
}

type unreachable struct{}

func (unreachable) Create(context.Context, *authenticationv1.TokenReview, metav1.CreateOptions) (*authenticationv1.TokenReview, error) {
	return nil, errors.New("connection refused")
}

// TestNoTokenReview: a proxy should simply come again when the API server is
// away.
func TestNoTokenReview(t *testing.T) {
	ctx := metadata.NewIncomingContext(context.Background(), metadata.Pairs("authorization", "Bearer token"))
	reviewer := TokenReviewer{reviews: unreachable{}}
	_, err := reviewer.Authenticate(ctx)
	if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "authentication failed") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(err.Error(), "token\"") {
		t.Errorf("the error shows the token: %v", err)
	}
}

func TestSameName(t *testing.T) {
	gateway := types.NamespacedName{Namespace: "ns", Name: "gw"}
	for peer, want := range map[Peer]bool{
		{Namespace: "ns", ServiceAccount: "gw"}:    true,
		{Namespace: "other", ServiceAccount: "gw"}: false,
		{Namespace: "ns", ServiceAccount: "other"}: false,
		{}: false,
	} {
		if got := SameName(peer, gateway); got != want {
			t.Errorf("%+v: %t", peer, got)
		}
	}
}
