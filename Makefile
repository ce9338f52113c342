# Everything needs Go only; tools are pinned in the go.mod files.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# gRPC without its tracing pages: they would keep the linker from leaving out
# methods that nobody calls, a third of the binary.
GOFLAGS_RELEASE := -trimpath -tags grpcnotrace -ldflags "-s -w $(VERSION_FLAGS)"
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
VERSION_FLAGS = -X main.version=$(VERSION) -X main.commit=$(COMMIT)

GATEWAY_API_DIR = $(shell go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)
INFERENCE_DIR = $(shell go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api-inference-extension)
ISTIO_DIR = $(shell go list -m -f '{{.Dir}}' istio.io/istio)

# Cold builds take minutes: show that something happens, and pass on whatever
# isn't the name of a compiled package.
PROGRESS = awk '/^[A-Za-z0-9_.\/~@-]+$$/ { n++; if (n % 100 == 0) { print "  " n " packages compiled"; fflush() } next } { print }'

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build agentgateway-controller and agwctl into bin/
	@mkdir -p bin
	go build -v $(GOFLAGS_RELEASE) -o bin/ ./cmd/... 2>&1 | $(PROGRESS)

.PHONY: build-tools
build-tools:
	@mkdir -p bin
	@echo "building the data plane and the echo server for development"
	@go build -v -trimpath -ldflags "-s -w" -o bin/ ./tools/dataplane ./tools/echo ./tools/run 2>&1 | $(PROGRESS)
	@echo "building devcluster, a Kubernetes control plane in one binary (some five minutes the first time)"
	@go build -C tools/devcluster -v -ldflags "-s -w" -o $(CURDIR)/bin/devcluster . 2>&1 | $(PROGRESS)

.PHONY: run
run: build ## Run everything on an embedded cluster; with KUBECONFIG or CLUSTER=current, only the controller on that cluster
ifneq ($(filter current,$(CLUSTER))$(KUBECONFIG),)
	KUBECONFIG="$${KUBECONFIG:-$$HOME/.kube/config}" bin/agentgateway-controller --log-format console
else
	@$(MAKE) --no-print-directory build-tools
	@exec bin/run
endif

.PHONY: generate
generate: ## Regenerate everything that is generated
	@mkdir -p bin
	go build -C tools/protogen -o $(CURDIR)/bin/protogen .
	cd tools/protogen && $(CURDIR)/bin/protogen -C $(CURDIR)/apis/xds -I $(ISTIO_DIR)/pkg resource.proto
	go tool -modfile=tools/apigen/go.mod controller-gen object paths=./apis/v1alpha1 crd output:crd:dir=manifests/crds
	go build -C tools/apigen -o $(CURDIR)/bin/apigen .
	bin/apigen docs -crds manifests/crds -out docs/reference/api.md
	bin/apigen schemas -crds manifests/crds -out manifests/schemas
	bin/apigen trim -crds manifests/crds
	bin/apigen chart -crds manifests/crds -out manifests/helm/agentgateway-crds/templates
	bin/apigen validating -crds $(GATEWAY_API_DIR)/config/crd/standard -out pkg/validation/gatewayapi
	bin/apigen validating -crds $(INFERENCE_DIR)/config/crd/bases -out pkg/validation/inference

.PHONY: lint
lint: ## Check formatting, go vet, and the flow of imports
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "not gofmt-ed:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go test ./tests/architecture

.PHONY: test
test: ## Run all tests, those on a real API server included
	@mkdir -p bin
	@echo "building devcluster (some five minutes the first time)"
	@go build -C tools/devcluster -v -ldflags "-s -w" -o $(CURDIR)/bin/devcluster . 2>&1 | $(PROGRESS)
	DEVCLUSTER_BIN=$(CURDIR)/bin/devcluster go test -race -timeout 20m ./...
	go test -C tools/apigen -count=1 -timeout 10m ./...
	go test -C tools/devcluster -timeout 10m ./...

.PHONY: conformance
conformance: ## Run Gateway API's conformance suite with real traffic (as root on Linux)
	go test -C tests/conformance -count=1 -timeout 1h -parallel 8 -args $(CONFORMANCE_FLAGS)

.PHONY: bench
bench: build ## Measure speed and scale (SCALE=full, WORLDS=…, RUN=…, PROFILE=1), see docs/benchmarks.md
	@go build -C tools/devcluster -v -ldflags "-s -w" -o $(CURDIR)/bin/devcluster . 2>&1 | $(PROGRESS)
	go build -trimpath -tags grpcnotrace -ldflags "-s -w" -o bin/bench ./tests/bench
	DEVCLUSTER_BIN=$(CURDIR)/bin/devcluster bin/bench -controller bin/agentgateway-controller -results tests/bench/results \
		-scale $(or $(SCALE),small) $(if $(filter full,$(SCALE)),-docs docs/benchmarks.md) $(if $(WORLDS),-worlds $(WORLDS)) $(if $(RUN),-run $(RUN)) $(if $(PROFILE),-profile)

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin
