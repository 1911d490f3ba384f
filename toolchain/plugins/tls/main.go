// Command pulumi-resource-tls makes keys and certificates for the types of the pulumi-tls SDK.
//
// The official plugin wraps Terraform's tls provider; names, defaults, encodings and ids follow it, so
// that a stack can change between the two. Write-only inputs (privateKeyPemWo) and the data sources are
// not served.
package main

import (
	"github.com/pulumi/pulumi-go-provider/infer"

	"congress-ha/toolchain/plugins/serve"
)

var version = "0.0.0" // set by the linker

func main() {
	serve.Run("tls", version,
		infer.Resource(PrivateKey{}),
		infer.Resource(CertRequest{}),
		infer.Resource(SelfSignedCert{}),
		infer.Resource(LocallySignedCert{}),
	)
}
