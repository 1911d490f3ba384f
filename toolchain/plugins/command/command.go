package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strings"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/property"

	"congress-ha/toolchain/plugins/serve"
)

// Script holds the inputs both kinds of command share.
type Script struct {
	Create                 *string           `pulumi:"create,optional"`
	Update                 *string           `pulumi:"update,optional"`
	Delete                 *string           `pulumi:"delete,optional"`
	Stdin                  *string           `pulumi:"stdin,optional"`
	Environment            map[string]string `pulumi:"environment,optional"`
	AddPreviousOutputInEnv *bool             `pulumi:"addPreviousOutputInEnv,optional"`
	Logging                *string           `pulumi:"logging,optional"`
	Triggers               []any             `pulumi:"triggers,optional" provider:"replaceOnChanges"`
}

// Output is what the last command wrote, each without one trailing newline.
type Output struct {
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

// check is the default check, except that it names the property in the text only: when a failure names
// its property, the engine prints the property's value, and with a connection a private key.
func check[Args any](ctx context.Context, inputs property.Map) (infer.CheckResponse[Args], error) {
	args, failures, err := infer.DefaultCheck[Args](ctx, inputs)
	for i, failure := range failures {
		reason := failure.Reason
		if failure.Property == "connection" {
			reason = connectionProblem(inputs.Get("connection"))
		}
		failures[i] = p.CheckFailure{Reason: failure.Property + ": " + reason}
	}
	if logging := inputs.Get("logging"); logging.IsString() && !slices.Contains(loggings, logging.AsString()) {
		failures = append(failures, p.CheckFailure{Reason: "logging: must be one of " + strings.Join(loggings, ", ")})
	}
	return infer.CheckResponse[Args]{Inputs: args, Failures: failures}, err
}

// onUpdate is the command an update runs; nil runs none.
func (s Script) onUpdate() *string {
	if s.Update != nil {
		return s.Update
	}
	return s.Create
}

// variables are what a command finds in its environment about the run before: only what is not empty.
func (s Script) variables(previous Output) map[string]string {
	found := map[string]string{}
	if !serve.Or(s.AddPreviousOutputInEnv, true) {
		return found
	}
	if previous.Stdout != "" {
		found["PULUMI_COMMAND_STDOUT"] = previous.Stdout
	}
	if previous.Stderr != "" {
		found["PULUMI_COMMAND_STDERR"] = previous.Stderr
	}
	return found
}

// runner carries a command out and keeps what it wrote.
type runner func(ctx context.Context, command string, script Script, previous Output) (Output, error)

// run does nothing for a nil command; an empty one is carried out, which for SSH proves the connection.
func (r runner) run(ctx context.Context, command *string, script Script, previous Output) (Output, error) {
	if command == nil {
		return previous, nil
	}
	return r(ctx, *command, script, previous)
}

// newID is the resource's name and 8 hex digits.
func newID(name string) string {
	random := make([]byte, 4)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the program instead
	return name + hex.EncodeToString(random)
}
