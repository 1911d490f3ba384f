// Package serve starts a plugin's gRPC server for the Pulumi engine.
package serve

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-go-provider/infer"
)

// Run serves the resources until the engine closes the connection. The version is the one of the
// plugin's Python SDK, put in by the linker.
func Run(name, version string, resources ...infer.InferredResource) {
	provider, err := infer.NewProviderBuilder().WithResources(resources...).Build()
	if err == nil {
		err = provider.Run(context.Background(), name, version)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(os.Stderr, "pulumi-resource-%s: %v\n", name, err)
		os.Exit(1)
	}
}

// Or returns what an optional input points to, or its default.
func Or[T any](value *T, otherwise T) T {
	if value == nil {
		return otherwise
	}
	return *value
}
