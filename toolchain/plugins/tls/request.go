package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"

	"github.com/pulumi/pulumi-go-provider/infer"
)

// CertRequest is tls:index/certRequest:CertRequest. Every change of an input makes a new request.
type CertRequest struct{}

// CertRequestArgs: names and the PEM key that signs the request.
type CertRequestArgs struct {
	Names
	PrivateKeyPem string `pulumi:"privateKeyPem" provider:"secret"`
}

// CertRequestState adds the request in PEM and the key's algorithm.
type CertRequestState struct {
	CertRequestArgs
	CertRequestPem string `pulumi:"certRequestPem"`
	KeyAlgorithm   string `pulumi:"keyAlgorithm"`
}

// Annotate names the type.
func (r *CertRequest) Annotate(a infer.Annotator) { a.SetToken("index/certRequest", "CertRequest") }

// Create makes and signs the request.
func (CertRequest) Create(
	_ context.Context, req infer.CreateRequest[CertRequestArgs],
) (resp infer.CreateResponse[CertRequestState], err error) {
	resp.Output.CertRequestArgs = req.Inputs
	if req.DryRun {
		return resp, nil
	}
	key, algorithm, err := parseKey("privateKeyPem", req.Inputs.PrivateKeyPem)
	if err != nil {
		return resp, err
	}
	addresses, uris, err := req.Inputs.Names.parse()
	if err != nil {
		return resp, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: req.Inputs.Subject.name(), DNSNames: req.Inputs.DNSNames, IPAddresses: addresses, URIs: uris,
	}, key)
	if err != nil {
		return resp, err
	}
	resp.ID = digest(der)
	resp.Output.CertRequestPem, resp.Output.KeyAlgorithm = armor("CERTIFICATE REQUEST", der), algorithm
	return resp, nil
}
