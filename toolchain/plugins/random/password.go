package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"golang.org/x/crypto/bcrypt"

	"congress-ha/toolchain/plugins/serve"
)

// Password is random:index/randomPassword:RandomPassword. Every change of an input makes a new password.
type Password struct{}

// PasswordArgs: the length counts characters, min* how many of a kind there are at least; keepers are
// values whose change asks for a new password. Number is the former name of Numeric.
type PasswordArgs struct {
	Length          int               `pulumi:"length"`
	Lower           *bool             `pulumi:"lower,optional"`
	Upper           *bool             `pulumi:"upper,optional"`
	Numeric         *bool             `pulumi:"numeric,optional"`
	Number          *bool             `pulumi:"number,optional"`
	Special         *bool             `pulumi:"special,optional"`
	MinLower        *int              `pulumi:"minLower,optional"`
	MinUpper        *int              `pulumi:"minUpper,optional"`
	MinNumeric      *int              `pulumi:"minNumeric,optional"`
	MinSpecial      *int              `pulumi:"minSpecial,optional"`
	OverrideSpecial *string           `pulumi:"overrideSpecial,optional"`
	Keepers         map[string]string `pulumi:"keepers,optional"`
}

// PasswordState adds the password and its bcrypt hash (of the first 72 bytes, bcrypt's limit).
type PasswordState struct {
	PasswordArgs
	Result     string `pulumi:"result"`
	BcryptHash string `pulumi:"bcryptHash"`
}

// Annotate names the type.
func (r *Password) Annotate(a infer.Annotator) { a.SetToken("index/randomPassword", "RandomPassword") }

// WireDependencies makes the outputs secret.
func (Password) WireDependencies(f infer.FieldSelector, _ *PasswordArgs, state *PasswordState) {
	f.OutputField(&state.Result).AlwaysSecret()
	f.OutputField(&state.BcryptHash).AlwaysSecret()
}

// kind is a set of characters, and how many of it there are at least.
type kind struct {
	characters string
	used       bool
	least      int
}

func (a PasswordArgs) kinds() []kind {
	special := serve.Or(a.OverrideSpecial, "")
	if special == "" {
		special = "!@#$%&*()-_=+[]{}<>:?"
	}
	numeric := a.Numeric
	if numeric == nil {
		numeric = a.Number
	}
	return []kind{
		{"abcdefghijklmnopqrstuvwxyz", serve.Or(a.Lower, true), serve.Or(a.MinLower, 0)},
		{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", serve.Or(a.Upper, true), serve.Or(a.MinUpper, 0)},
		{"0123456789", serve.Or(numeric, true), serve.Or(a.MinNumeric, 0)},
		{special, serve.Or(a.Special, true), serve.Or(a.MinSpecial, 0)},
	}
}

// withDefaults is how Terraform's provider keeps the inputs in its state.
func (a PasswordArgs) withDefaults() PasswordArgs {
	kinds := a.kinds()
	a.Lower, a.MinLower = &kinds[0].used, &kinds[0].least
	a.Upper, a.MinUpper = &kinds[1].used, &kinds[1].least
	a.Numeric, a.Number, a.MinNumeric = &kinds[2].used, &kinds[2].used, &kinds[2].least
	a.Special, a.MinSpecial = &kinds[3].used, &kinds[3].least
	return a
}

// Check refuses what Create could not do.
func (Password) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[PasswordArgs], error) {
	args, failures, err := infer.DefaultCheck[PasswordArgs](ctx, req.NewInputs)
	if req.NewInputs.Get("length").IsNumber() {
		if problem := args.problem(); problem != nil {
			failures = append(failures, p.CheckFailure{Property: "length", Reason: problem.Error()})
		}
	}
	return infer.CheckResponse[PasswordArgs]{Inputs: args, Failures: failures}, err
}

func (a PasswordArgs) problem() error {
	least, used := 0, false
	for _, kind := range a.kinds() {
		least += kind.least
		used = used || kind.used
	}
	switch {
	case a.Length < max(1, least):
		return fmt.Errorf("%d is less than %d, the characters that must be there", a.Length, max(1, least))
	case !used && least < a.Length:
		return errors.New("lower, upper, numeric and special are all false: nothing to choose from")
	}
	return nil
}

// Create makes the password.
func (Password) Create(
	_ context.Context, req infer.CreateRequest[PasswordArgs],
) (resp infer.CreateResponse[PasswordState], err error) {
	resp.ID, resp.Output.PasswordArgs = "none", req.Inputs.withDefaults()
	if req.DryRun {
		return resp, nil
	}
	secret, err := req.Inputs.generate()
	if err != nil {
		return resp, err
	}
	hash, err := bcrypt.GenerateFromPassword(secret[:min(len(secret), 72)], bcrypt.DefaultCost)
	resp.Output.Result, resp.Output.BcryptHash = string(secret), string(hash)
	return resp, err
}

func (a PasswordArgs) generate() (secret []byte, err error) {
	var all string
	for _, kind := range a.kinds() {
		if kind.used {
			all += kind.characters
		}
		if secret, err = pick(secret, kind.characters, kind.least); err != nil {
			return nil, err
		}
	}
	if secret, err = pick(secret, all, a.Length-len(secret)); err != nil {
		return nil, err
	}
	// The characters that must be there stand in front: mix them in.
	for i := len(secret) - 1; i > 0; i-- {
		j, err := rand.Int(rand.Reader, big.NewInt(int64(i+1)))
		if err != nil {
			return nil, err
		}
		secret[i], secret[j.Int64()] = secret[j.Int64()], secret[i]
	}
	return secret, nil
}

func pick(secret []byte, characters string, count int) ([]byte, error) {
	for range count {
		i, err := rand.Int(rand.Reader, big.NewInt(int64(len(characters))))
		if err != nil {
			return nil, err
		}
		secret = append(secret, characters[i.Int64()])
	}
	return secret, nil
}
