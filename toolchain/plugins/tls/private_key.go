package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"golang.org/x/crypto/ssh"

	"congress-ha/toolchain/plugins/serve"
)

// PrivateKey is tls:index/privateKey:PrivateKey. Every change of an input makes a new key.
type PrivateKey struct{}

// PrivateKeyArgs: the algorithm is RSA, ECDSA or ED25519.
type PrivateKeyArgs struct {
	Algorithm  string  `pulumi:"algorithm"`
	EcdsaCurve *string `pulumi:"ecdsaCurve,optional"`
	RsaBits    *int    `pulumi:"rsaBits,optional"`
}

// PrivateKeyState holds the key in every encoding; the OpenSSH ones are empty for curve P224, which
// OpenSSH does not know.
type PrivateKeyState struct {
	PrivateKeyArgs
	PrivateKeyOpenssh          string `pulumi:"privateKeyOpenssh"`
	PrivateKeyPem              string `pulumi:"privateKeyPem"`
	PrivateKeyPemPkcs8         string `pulumi:"privateKeyPemPkcs8"`
	PublicKeyFingerprintMd5    string `pulumi:"publicKeyFingerprintMd5"`
	PublicKeyFingerprintSha256 string `pulumi:"publicKeyFingerprintSha256"`
	PublicKeyOpenssh           string `pulumi:"publicKeyOpenssh"`
	PublicKeyPem               string `pulumi:"publicKeyPem"`
}

// Annotate names the type.
func (r *PrivateKey) Annotate(a infer.Annotator) { a.SetToken("index/privateKey", "PrivateKey") }

// WireDependencies makes the private outputs secret.
func (PrivateKey) WireDependencies(f infer.FieldSelector, _ *PrivateKeyArgs, state *PrivateKeyState) {
	f.OutputField(&state.PrivateKeyOpenssh).AlwaysSecret()
	f.OutputField(&state.PrivateKeyPem).AlwaysSecret()
	f.OutputField(&state.PrivateKeyPemPkcs8).AlwaysSecret()
}

// Check refuses an algorithm, curve or length that cannot work before anything is created.
func (PrivateKey) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[PrivateKeyArgs], error) {
	args, failures, err := infer.DefaultCheck[PrivateKeyArgs](ctx, req.NewInputs)
	if err == nil && len(failures) == 0 {
		failures = args.failures()
	}
	return infer.CheckResponse[PrivateKeyArgs]{Inputs: args, Failures: failures}, err
}

// Create makes the key.
func (PrivateKey) Create(
	_ context.Context, req infer.CreateRequest[PrivateKeyArgs],
) (resp infer.CreateResponse[PrivateKeyState], err error) {
	curve, bits := serve.Or(req.Inputs.EcdsaCurve, "P224"), serve.Or(req.Inputs.RsaBits, 2048)
	resp.Output.PrivateKeyArgs = PrivateKeyArgs{req.Inputs.Algorithm, &curve, &bits}
	if req.DryRun {
		return resp, nil
	}
	key, err := generate(req.Inputs.Algorithm, curve, bits)
	if err != nil {
		return resp, err
	}
	if err := resp.Output.encode(key); err != nil {
		return resp, err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	resp.ID = digest(public)
	return resp, err
}

func generate(algorithm, curve string, bits int) (crypto.Signer, error) {
	switch algorithm {
	case "RSA":
		return rsa.GenerateKey(rand.Reader, bits)
	case "ECDSA":
		return ecdsa.GenerateKey(curves[curve], rand.Reader)
	case "ED25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return nil, fmt.Errorf("algorithm %q: use RSA, ECDSA or ED25519", algorithm)
}

var curves = map[string]elliptic.Curve{
	"P224": elliptic.P224(), "P256": elliptic.P256(), "P384": elliptic.P384(), "P521": elliptic.P521(),
}

func (s *PrivateKeyState) encode(key crypto.Signer) error {
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	s.PrivateKeyPemPkcs8 = armor("PRIVATE KEY", pkcs8)
	switch key := key.(type) {
	case *rsa.PrivateKey:
		s.PrivateKeyPem = armor("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
	case *ecdsa.PrivateKey:
		sec1, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			return err
		}
		s.PrivateKeyPem = armor("EC PRIVATE KEY", sec1)
	default:
		s.PrivateKeyPem = s.PrivateKeyPemPkcs8
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	s.PublicKeyPem = armor("PUBLIC KEY", public)
	if key, ok := key.(*ecdsa.PrivateKey); ok && key.Curve == elliptic.P224() {
		return nil
	}
	return s.encodeOpenssh(key)
}

func (s *PrivateKeyState) encodeOpenssh(key crypto.Signer) error {
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return err
	}
	public, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		return err
	}
	s.PrivateKeyOpenssh = string(pem.EncodeToMemory(block))
	s.PublicKeyOpenssh = string(ssh.MarshalAuthorizedKey(public))
	s.PublicKeyFingerprintMd5 = ssh.FingerprintLegacyMD5(public)
	s.PublicKeyFingerprintSha256 = ssh.FingerprintSHA256(public)
	return nil
}

// failures: values not known before the update are empty here and pass.
func (a PrivateKeyArgs) failures() (failures []p.CheckFailure) {
	if known := []string{"", "RSA", "ECDSA", "ED25519"}; !slices.Contains(known, a.Algorithm) {
		failures = append(failures, p.CheckFailure{
			Property: "algorithm", Reason: fmt.Sprintf("%q is not one of RSA, ECDSA, ED25519", a.Algorithm),
		})
	}
	if curve := serve.Or(a.EcdsaCurve, ""); curve != "" && curves[curve] == nil {
		failures = append(failures, p.CheckFailure{
			Property: "ecdsaCurve", Reason: fmt.Sprintf("%q is not one of P224, P256, P384, P521", curve),
		})
	}
	if bits := serve.Or(a.RsaBits, 2048); a.Algorithm == "RSA" && bits != 0 && bits < 1024 {
		failures = append(failures, p.CheckFailure{
			Property: "rsaBits", Reason: fmt.Sprintf("%d is less than 1024", bits),
		})
	}
	return failures
}
