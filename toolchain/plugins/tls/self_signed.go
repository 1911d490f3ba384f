package main

import (
	"context"
	"crypto/x509"

	"github.com/pulumi/pulumi-go-provider/infer"

	"congress-ha/toolchain/plugins/serve"
)

// SelfSignedCert is tls:index/selfSignedCert:SelfSignedCert.
type SelfSignedCert struct{}

// SelfSignedCertArgs: the certificate is for the PEM key that signs it.
type SelfSignedCertArgs struct {
	CertArgs
	Names
	PrivateKeyPem     string `pulumi:"privateKeyPem" provider:"secret"`
	SetAuthorityKeyID *bool  `pulumi:"setAuthorityKeyId,optional"`
}

// SelfSignedCertState adds the certificate.
type SelfSignedCertState struct {
	SelfSignedCertArgs
	CertResult
}

// Annotate names the type.
func (r *SelfSignedCert) Annotate(a infer.Annotator) {
	a.SetToken("index/selfSignedCert", "SelfSignedCert")
}

func (a SelfSignedCertArgs) withDefaults() SelfSignedCertArgs {
	authority := serve.Or(a.SetAuthorityKeyID, false)
	a.CertArgs, a.SetAuthorityKeyID = a.CertArgs.withDefaults(), &authority
	return a
}

// Create issues the certificate.
func (SelfSignedCert) Create(
	_ context.Context, req infer.CreateRequest[SelfSignedCertArgs],
) (resp infer.CreateResponse[SelfSignedCertState], err error) {
	args := req.Inputs.withDefaults()
	resp.Output.SelfSignedCertArgs = args
	if req.DryRun {
		return resp, nil
	}
	key, algorithm, err := parseKey("privateKeyPem", args.PrivateKeyPem)
	if err != nil {
		return resp, err
	}
	addresses, uris, err := args.Names.parse()
	if err != nil {
		return resp, err
	}
	template := &x509.Certificate{
		Subject: args.Subject.name(), DNSNames: args.DNSNames, IPAddresses: addresses, URIs: uris,
	}
	if *args.SetAuthorityKeyID {
		if template.AuthorityKeyId, err = subjectKeyID(key.Public()); err != nil {
			return resp, err
		}
	}
	resp.ID, resp.Output.CertResult, err = args.issue(template, nil, key.Public(), key)
	resp.Output.KeyAlgorithm = algorithm
	return resp, err
}

// Diff replaces a changed certificate and one that is due for renewal.
func (SelfSignedCert) Diff(
	_ context.Context, req infer.DiffRequest[SelfSignedCertArgs, SelfSignedCertState],
) (infer.DiffResponse, error) {
	return diff(req.State.SelfSignedCertArgs.withDefaults(), req.Inputs.withDefaults(),
		req.State.ValidityEndTime, req.Inputs.EarlyRenewalHours)
}

// Update takes over the hours of early renewal, the only input that does not replace.
func (SelfSignedCert) Update(
	_ context.Context, req infer.UpdateRequest[SelfSignedCertArgs, SelfSignedCertState],
) (resp infer.UpdateResponse[SelfSignedCertState], err error) {
	resp.Output = req.State
	resp.Output.SelfSignedCertArgs = req.Inputs.withDefaults()
	return resp, nil
}
