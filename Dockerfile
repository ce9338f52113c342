# The controller as a static binary in an image without anything else.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
ARG COMMIT=unknown
RUN CGO_ENABLED=0 go build -trimpath -tags grpcnotrace -ldflags "-s -w -X main.version=${VERSION} -X main.commit=${COMMIT}" -o /agentgateway-controller ./cmd/agentgateway-controller

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /agentgateway-controller /usr/local/bin/agentgateway-controller
USER 10101
ENTRYPOINT ["/usr/local/bin/agentgateway-controller"]
