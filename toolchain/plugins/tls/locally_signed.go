package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-go-provider/infer"
)

// LocallySignedCert is tls:index/locallySignedCert:LocallySignedCert.
type LocallySignedCert struct{}

// LocallySignedCertArgs: a request, and the authority (certificate and key, PEM) that signs it.
type LocallySignedCertArgs struct {
	CertArgs
	CaCertPem       string `pulumi:"caCertPem"`
	CaPrivateKeyPem string `pulumi:"caPrivateKeyPem" provider:"secret"`
	CertRequestPem  string `pulumi:"certRequestPem"`
}

// LocallySignedCertState adds the certificate.
type LocallySignedCertState struct {
	LocallySignedCertArgs
	CertResult
	CaKeyAlgorithm string `pulumi:"caKeyAlgorithm"`
}

// Annotate names the type.
func (r *LocallySignedCert) Annotate(a infer.Annotator) {
	a.SetToken("index/locallySignedCert", "LocallySignedCert")
}

func (a LocallySignedCertArgs) withDefaults() LocallySignedCertArgs {
	a.CertArgs = a.CertArgs.withDefaults()
	return a
}

// Create issues the certificate.
func (LocallySignedCert) Create(
	_ context.Context, req infer.CreateRequest[LocallySignedCertArgs],
) (resp infer.CreateResponse[LocallySignedCertState], err error) {
	args := req.Inputs.withDefaults()
	resp.Output.LocallySignedCertArgs = args
	if req.DryRun {
		return resp, nil
	}
	request, err := parseRequest(args.CertRequestPem)
	if err != nil {
		return resp, err
	}
	der, err := parseBlock("caCertPem", "CERTIFICATE", args.CaCertPem)
	if err != nil {
		return resp, err
	}
	authority, err := x509.ParseCertificate(der)
	if err != nil {
		return resp, fmt.Errorf("caCertPem: %w", err)
	}
	signer, algorithm, err := parseKey("caPrivateKeyPem", args.CaPrivateKeyPem)
	if err != nil {
		return resp, err
	}
	template := &x509.Certificate{
		Subject: request.Subject, DNSNames: request.DNSNames, IPAddresses: request.IPAddresses, URIs: request.URIs,
	}
	resp.ID, resp.Output.CertResult, err = args.issue(template, authority, request.PublicKey, signer)
	resp.Output.CaKeyAlgorithm = algorithm
	resp.Output.KeyAlgorithm = request.PublicKeyAlgorithm.String()
	if request.PublicKeyAlgorithm == x509.Ed25519 {
		resp.Output.KeyAlgorithm = "ED25519"
	}
	return resp, err
}

func parseRequest(text string) (*x509.CertificateRequest, error) {
	der, err := parseBlock("certRequestPem", "CERTIFICATE REQUEST", text)
	if err != nil {
		return nil, err
	}
	request, err := x509.ParseCertificateRequest(der)
	if err == nil {
		err = request.CheckSignature()
	}
	if err != nil {
		return nil, errors.Join(errors.New("certRequestPem cannot be used"), err)
	}
	return request, nil
}

// Diff replaces a changed certificate and one that is due for renewal.
func (LocallySignedCert) Diff(
	_ context.Context, req infer.DiffRequest[LocallySignedCertArgs, LocallySignedCertState],
) (infer.DiffResponse, error) {
	return diff(req.State.LocallySignedCertArgs.withDefaults(), req.Inputs.withDefaults(),
		req.State.ValidityEndTime, req.Inputs.EarlyRenewalHours)
}

// Update takes over the hours of early renewal, the only input that does not replace.
func (LocallySignedCert) Update(
	_ context.Context, req infer.UpdateRequest[LocallySignedCertArgs, LocallySignedCertState],
) (resp infer.UpdateResponse[LocallySignedCertState], err error) {
	resp.Output = req.State
	resp.Output.LocallySignedCertArgs = req.Inputs.withDefaults()
	return resp, nil
}
