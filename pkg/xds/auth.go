package xds

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// Peer is who opened a stream.
type Peer struct {
	Namespace      string
	ServiceAccount string
	// Trusted peers may name any Gateway; who they are was not asked.
	Trusted bool
}

// Authenticator finds out who opens a stream, from the gRPC metadata in ctx.
// Its errors are gRPC statuses whose text contains "authentication failed".
type Authenticator interface {
	Authenticate(ctx context.Context) (Peer, error)
}

// SameName is the binding of a proxy to the Gateway that has the name of the
// proxy's service account.
func SameName(peer Peer, gateway types.NamespacedName) bool {
	return peer.Namespace == gateway.Namespace && peer.ServiceAccount == gateway.Name
}

// AllowAll trusts everybody who reaches the port.
type AllowAll struct{}

// Authenticate returns a trusted peer.
func (AllowAll) Authenticate(context.Context) (Peer, error) { return Peer{Trusted: true}, nil }

// TokenAudience is the audience of the token that is projected into proxies.
const TokenAudience = "agentgateway"

const (
	serviceAccountsGroup = "system:serviceaccounts"
	// usernameParts: "system:serviceaccount:<namespace>:<name>".
	usernameParts = 4
)

// TokenReviews creates a TokenReview; client-go's TokenReviewInterface is one.
type TokenReviews interface {
	Create(ctx context.Context, review *authenticationv1.TokenReview, options metav1.CreateOptions) (*authenticationv1.TokenReview, error)
}

// TokenReviewer asks the API server about the token of every stream.
type TokenReviewer struct{ reviews TokenReviews }

// NewTokenReviewer returns an Authenticator for service account tokens.
func NewTokenReviewer(client kubernetes.Interface) *TokenReviewer {
	return &TokenReviewer{reviews: client.AuthenticationV1().TokenReviews()}
}

// Authenticate accepts tokens of service accounts with our audience.
func (t *TokenReviewer) Authenticate(ctx context.Context) (Peer, error) {
	token, err := bearerToken(ctx)
	if err != nil {
		return Peer{}, err
	}
	review, err := t.reviews.Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{TokenAudience}},
	}, metav1.CreateOptions{})
	if err != nil {
		// Nothing is known about the token, so the proxy should just try again.
		return Peer{}, status.Errorf(codes.Unavailable, "authentication failed: review of the token: %v", err)
	}
	return serviceAccountOf(review.Status)
}

// serviceAccountOf reads who the reviewed token belongs to.
func serviceAccountOf(review authenticationv1.TokenReviewStatus) (Peer, error) {
	if review.Error != "" {
		return Peer{}, unauthenticated("the API server refused the token: " + review.Error)
	}
	if !review.Authenticated {
		return Peer{}, unauthenticated("the token is not valid")
	}
	// A review that names audiences must name ours. Every API server does, but
	// authenticators behind it that know no audiences may leave the list empty.
	if len(review.Audiences) > 0 && !slices.Contains(review.Audiences, TokenAudience) {
		return Peer{}, unauthenticated("the token is not for the audience " + TokenAudience)
	}
	if !slices.Contains(review.User.Groups, serviceAccountsGroup) {
		return Peer{}, unauthenticated("the token is not one of a service account")
	}
	parts := strings.Split(review.User.Username, ":")
	if len(parts) != usernameParts || parts[0] != "system" || parts[1] != "serviceaccount" || parts[2] == "" || parts[3] == "" {
		return Peer{}, unauthenticated("the user of the token is not a service account")
	}
	return Peer{Namespace: parts[2], ServiceAccount: parts[3]}, nil
}

func bearerToken(ctx context.Context) (string, error) {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) == 0 {
		return "", unauthenticated("no HTTP authorization header exists")
	}
	for _, value := range values {
		scheme, token, found := strings.Cut(value, " ")
		if found && strings.EqualFold(scheme, "Bearer") && strings.TrimSpace(token) != "" {
			return strings.TrimSpace(token), nil
		}
	}
	return "", unauthenticated("the authorization header has no bearer token")
}

func unauthenticated(why string) error {
	return status.Error(codes.Unauthenticated, "authentication failed: "+why)
}
