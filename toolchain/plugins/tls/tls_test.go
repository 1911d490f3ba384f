package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	rpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"golang.org/x/crypto/ssh"

	"congress-ha/toolchain/plugins/plugintest"
)

func TestMain(m *testing.M) { plugintest.Main(m, main) }

var must = plugintest.Must

func newKey(t *testing.T, plugin *plugintest.Plugin, inputs plugintest.Props) *plugintest.Resource {
	t.Helper()
	key := &plugintest.Resource{Plugin: plugin, Type: "tls:index/privateKey:PrivateKey"}
	must(t, key.Create(t, inputs))
	return key
}

func TestPrivateKeys(t *testing.T) {
	plugin := plugintest.Start(t)
	for label, inputs := range map[string]plugintest.Props{
		"RSA PRIVATE KEY": {"algorithm": "RSA", "rsaBits": 2048},
		"EC PRIVATE KEY":  {"algorithm": "ECDSA", "ecdsaCurve": "P384"},
		"PRIVATE KEY":     {"algorithm": "ED25519"},
	} {
		key := newKey(t, plugin, inputs)
		// Every encoding must be the same key.
		fromOpenssh, err := ssh.ParsePrivateKey([]byte(key.Text(t, "privateKeyOpenssh", true)))
		must(t, err)
		public := string(ssh.MarshalAuthorizedKey(fromOpenssh.PublicKey()))
		if got := key.Text(t, "publicKeyOpenssh", false); got != public {
			t.Errorf("%s: publicKeyOpenssh %q, want %q", label, got, public)
		}
		if got := key.Text(t, "publicKeyFingerprintSha256", false); got != ssh.FingerprintSHA256(fromOpenssh.PublicKey()) {
			t.Errorf("%s: SHA256 fingerprint %s", label, got)
		}
		if got := key.Text(t, "publicKeyFingerprintMd5", false); got != ssh.FingerprintLegacyMD5(fromOpenssh.PublicKey()) {
			t.Errorf("%s: MD5 fingerprint %s", label, got)
		}
		for _, field := range []string{"privateKeyPem", "privateKeyPemPkcs8"} {
			text := key.Text(t, field, true)
			signer, algorithm, err := parseKey(field, text)
			must(t, err)
			der, err := x509.MarshalPKIXPublicKey(signer.Public())
			must(t, err)
			if algorithm != inputs["algorithm"] || armor("PUBLIC KEY", der) != key.Text(t, "publicKeyPem", false) {
				t.Errorf("%s: %s is another key", label, field)
			}
			if field == "privateKeyPem" && !strings.HasPrefix(text, "-----BEGIN "+label+"-----") {
				t.Errorf("%s: privateKeyPem begins %q", label, text[:30])
			}
			if len(key.ID) != 40 || key.ID != digest(der) {
				t.Errorf("%s: id %q", label, key.ID)
			}
		}
	}
	// The defaults of Terraform's provider, which OpenSSH cannot use for ECDSA.
	key := newKey(t, plugin, plugintest.Props{"algorithm": "ECDSA"})
	if key.Text(t, "ecdsaCurve", false) != "P224" || key.Text(t, "publicKeyOpenssh", false) != "" {
		t.Errorf("defaults: %v", key.Outputs)
	}
	for _, wrong := range []plugintest.Props{
		{"algorithm": "DSA"}, {"algorithm": "ECDSA", "ecdsaCurve": "P1"}, {"algorithm": "RSA", "rsaBits": 64}, {},
	} {
		if _, failures := key.Check(t, wrong); len(failures) != 1 {
			t.Errorf("%v: %v", wrong, failures)
		}
	}
	if diff := key.Diff(t, plugintest.Props{"algorithm": "ED25519"}); len(diff.Replaces) == 0 {
		t.Errorf("another algorithm must replace: %v", diff)
	}
}

func certificate(t *testing.T, resource *plugintest.Resource) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(resource.Text(t, "certPem", false)))
	parsed, err := x509.ParseCertificate(block.Bytes)
	must(t, err)
	return parsed
}

func TestAuthorityAndCertificate(t *testing.T) {
	plugin := plugintest.Start(t)
	caKey := newKey(t, plugin, plugintest.Props{"algorithm": "ECDSA", "ecdsaCurve": "P256"}).Text(t, "privateKeyPem", true)
	key := newKey(t, plugin, plugintest.Props{"algorithm": "ED25519"}).Text(t, "privateKeyPem", true)

	ca := &plugintest.Resource{Plugin: plugin, Type: "tls:index/selfSignedCert:SelfSignedCert"}
	caInputs := plugintest.Props{
		"privateKeyPem": plugintest.Secret(caKey), "allowedUses": []any{"cert_signing", "crl_signing"},
		"validityPeriodHours": 48, "isCaCertificate": true, "maxPathLength": 0, "setSubjectKeyId": true,
		"setAuthorityKeyId": true, "subject": plugintest.Props{"commonName": "authority", "organization": "o"},
	}
	must(t, ca.Create(t, caInputs))
	root := certificate(t, ca)
	if !root.IsCA || !root.MaxPathLenZero || root.Subject.String() != "CN=authority,O=o" ||
		!bytes.Equal(root.SubjectKeyId, root.AuthorityKeyId) || len(root.SubjectKeyId) != 20 {
		t.Errorf("authority: %+v", root.Subject)
	}
	if root.SerialNumber.String() != ca.ID || root.NotAfter.Sub(root.NotBefore) != 48*time.Hour {
		t.Errorf("id %s, serial %s, valid for %v", ca.ID, root.SerialNumber, root.NotAfter.Sub(root.NotBefore))
	}

	request := &plugintest.Resource{Plugin: plugin, Type: "tls:index/certRequest:CertRequest"}
	must(t, request.Create(t, plugintest.Props{
		"privateKeyPem": plugintest.Secret(key), "dnsNames": []any{"api.example"}, "ipAddresses": []any{"10.0.0.1"},
		"uris": []any{"spiffe://example/api"}, "subject": plugintest.Props{"commonName": "api", "streetAddresses": []any{"s"}},
	}))
	leaf := &plugintest.Resource{Plugin: plugin, Type: "tls:index/locallySignedCert:LocallySignedCert"}
	leafInputs := plugintest.Props{
		"certRequestPem": request.Text(t, "certRequestPem", false), "caCertPem": ca.Text(t, "certPem", false),
		"caPrivateKeyPem": plugintest.Secret(caKey), "validityPeriodHours": 24,
		"allowedUses": []any{"server_auth", "digital_signature"},
	}
	must(t, leaf.Create(t, leafInputs))
	roots := x509.NewCertPool()
	roots.AddCert(root)
	issued := certificate(t, leaf)
	if _, err := issued.Verify(x509.VerifyOptions{Roots: roots, DNSName: "api.example"}); err != nil {
		t.Error(err)
	}
	if issued.IPAddresses[0].String() != "10.0.0.1" || issued.URIs[0].Host != "example" || issued.IsCA ||
		issued.Subject.StreetAddress[0] != "s" || issued.KeyUsage != x509.KeyUsageDigitalSignature {
		t.Errorf("certificate: %+v", issued)
	}
	if leaf.Text(t, "keyAlgorithm", false) != "ED25519" || leaf.Text(t, "caKeyAlgorithm", false) != "ECDSA" {
		t.Errorf("algorithms: %v", leaf.Outputs)
	}
	renewal(t, leaf, leafInputs)
	renewal(t, ca, caInputs)
}

// renewal: no change without reason; hours of early renewal update in place until they make it due.
func renewal(t *testing.T, cert *plugintest.Resource, inputs plugintest.Props) {
	t.Helper()
	if diff := cert.Diff(t, inputs); diff.Changes != rpc.DiffResponse_DIFF_NONE {
		t.Errorf("unchanged inputs: %v", diff)
	}
	pemBefore := cert.Text(t, "certPem", false)
	inputs["earlyRenewalHours"] = 3
	if diff := cert.Diff(t, inputs); diff.Changes != rpc.DiffResponse_DIFF_SOME || len(diff.Replaces) > 0 {
		t.Errorf("earlyRenewalHours: %v", diff)
	}
	must(t, cert.Update(t, inputs))
	if cert.Text(t, "certPem", false) != pemBefore {
		t.Error("the update changed the certificate")
	}
	inputs["earlyRenewalHours"] = 1000
	if diff := cert.Diff(t, inputs); len(diff.Replaces) == 0 {
		t.Errorf("a certificate that is due must be replaced: %v", diff)
	}
	inputs["earlyRenewalHours"], inputs["validityPeriodHours"] = 3, 30
	if diff := cert.Diff(t, inputs); len(diff.Replaces) != 1 || diff.Replaces[0] != "validityPeriodHours" {
		t.Errorf("another validity must replace: %v", diff)
	}
}

func TestErrorsNeverShowTheKey(t *testing.T) {
	plugin := plugintest.Start(t)
	request := &plugintest.Resource{Plugin: plugin, Type: "tls:index/certRequest:CertRequest"}
	key := newKey(t, plugin, plugintest.Props{"algorithm": "ED25519"}).Text(t, "privateKeyPem", true)
	broken := strings.Replace(key, "MC4CAQ", "MC4CAg", 1)
	for _, text := range []string{"no key", broken} {
		err := request.Create(t, plugintest.Props{"privateKeyPem": plugintest.Secret(text)})
		if err == nil || !strings.Contains(err.Error(), "privateKeyPem: ") || strings.Contains(err.Error(), text[:6]) {
			t.Errorf("error %v", err)
		}
	}
	err := request.Create(t, plugintest.Props{"privateKeyPem": plugintest.Secret(key), "ipAddresses": []any{"ten"}})
	if err == nil || !strings.Contains(err.Error(), `"ten" is no IP address`) {
		t.Errorf("error %v", err)
	}
}
