package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
)

// Bytes is random:index/randomBytes:RandomBytes. Every change of an input makes new bytes.
type Bytes struct{}

// BytesArgs: the number of bytes; keepers are values whose change asks for new ones.
type BytesArgs struct {
	Length  int               `pulumi:"length"`
	Keepers map[string]string `pulumi:"keepers,optional"`
}

// BytesState adds the bytes in standard base64 and in lower-case hex.
type BytesState struct {
	BytesArgs
	Base64 string `pulumi:"base64"`
	Hex    string `pulumi:"hex"`
}

// Annotate names the type.
func (r *Bytes) Annotate(a infer.Annotator) { a.SetToken("index/randomBytes", "RandomBytes") }

// WireDependencies makes the outputs secret.
func (Bytes) WireDependencies(f infer.FieldSelector, _ *BytesArgs, state *BytesState) {
	f.OutputField(&state.Base64).AlwaysSecret()
	f.OutputField(&state.Hex).AlwaysSecret()
}

// Check refuses what Create could not do.
func (Bytes) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[BytesArgs], error) {
	args, failures, err := infer.DefaultCheck[BytesArgs](ctx, req.NewInputs)
	if length := req.NewInputs.Get("length"); length.IsNumber() && args.Length < 1 {
		failures = append(failures, p.CheckFailure{Property: "length", Reason: "must be at least 1"})
	}
	return infer.CheckResponse[BytesArgs]{Inputs: args, Failures: failures}, err
}

// Create makes the bytes. The official plugin uses them as the id, too, which shows them in clear: this
// one does not.
func (Bytes) Create(
	_ context.Context, req infer.CreateRequest[BytesArgs],
) (resp infer.CreateResponse[BytesState], err error) {
	resp.ID, resp.Output.BytesArgs = "none", req.Inputs
	if req.DryRun {
		return resp, nil
	}
	secret := make([]byte, req.Inputs.Length)
	_, err = rand.Read(secret)
	resp.Output.Base64 = base64.StdEncoding.EncodeToString(secret)
	resp.Output.Hex = hex.EncodeToString(secret)
	return resp, err
}
