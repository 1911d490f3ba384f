package main

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"time"

	p "github.com/pulumi/pulumi-go-provider"

	"congress-ha/toolchain/plugins/serve"
)

// CertArgs are the inputs both kinds of certificate share. Hours count from the moment of issue.
type CertArgs struct {
	AllowedUses         []string `pulumi:"allowedUses"`
	ValidityPeriodHours int      `pulumi:"validityPeriodHours"`
	EarlyRenewalHours   *int     `pulumi:"earlyRenewalHours,optional"`
	IsCaCertificate     *bool    `pulumi:"isCaCertificate,optional"`
	MaxPathLength       *int     `pulumi:"maxPathLength,optional"`
	SetSubjectKeyID     *bool    `pulumi:"setSubjectKeyId,optional"`
}

// CertResult is what issuing a certificate gives. Times are RFC 3339.
type CertResult struct {
	CertPem           string `pulumi:"certPem"`
	KeyAlgorithm      string `pulumi:"keyAlgorithm"`
	ReadyForRenewal   bool   `pulumi:"readyForRenewal"`
	ValidityStartTime string `pulumi:"validityStartTime"`
	ValidityEndTime   string `pulumi:"validityEndTime"`
}

// withDefaults is how Terraform's provider keeps the inputs in its state.
func (a CertArgs) withDefaults() CertArgs {
	hours, no := 0, false
	for _, field := range []**bool{&a.IsCaCertificate, &a.SetSubjectKeyID} {
		if *field == nil {
			*field = &no
		}
	}
	if a.EarlyRenewalHours == nil {
		a.EarlyRenewalHours = &hours
	}
	return a
}

// issue signs the template for the public key; parent is nil for a self-signed certificate.
// The id is the serial number in decimal.
func (a CertArgs) issue(
	template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer,
) (id string, result CertResult, err error) {
	template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
	if err != nil {
		return "", result, err
	}
	if err := setUsages(template, a.AllowedUses); err != nil {
		return "", result, err
	}
	template.NotBefore = now()
	template.NotAfter = template.NotBefore.Add(time.Duration(a.ValidityPeriodHours) * time.Hour)
	template.BasicConstraintsValid = true
	if serve.Or(a.IsCaCertificate, false) {
		template.IsCA, template.MaxPathLen = true, serve.Or(a.MaxPathLength, -1)
		template.MaxPathLenZero = template.MaxPathLen == 0
	}
	if serve.Or(a.SetSubjectKeyID, false) {
		if template.SubjectKeyId, err = subjectKeyID(public); err != nil {
			return "", result, err
		}
	}
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return "", result, err
	}
	result.CertPem = armor("CERTIFICATE", der)
	result.ValidityStartTime = template.NotBefore.Format(time.RFC3339)
	result.ValidityEndTime = template.NotAfter.Format(time.RFC3339)
	result.ReadyForRenewal, err = due(result.ValidityEndTime, a.EarlyRenewalHours)
	return template.SerialNumber.String(), result, err
}

var now = time.Now // a test's clock

// due says whether a certificate is expired, or within the hours of early renewal.
func due(end string, earlyHours *int) (bool, error) {
	expiry, err := time.Parse(time.RFC3339, end)
	if err != nil {
		return false, fmt.Errorf("validityEndTime: %w", err)
	}
	return !now().Before(expiry.Add(-time.Duration(serve.Or(earlyHours, 0)) * time.Hour)), nil
}

// diff: a changed input replaces the certificate, except the hours of early renewal, which only decide
// when it is due; a certificate that is due is replaced. Both arguments hold their defaults.
func diff(old, new any, end string, earlyHours *int) (p.DiffResponse, error) {
	changes := map[string]p.PropertyDiff{}
	compare(reflect.ValueOf(old), reflect.ValueOf(new), changes)
	renew, err := due(end, earlyHours)
	if renew {
		changes["readyForRenewal"] = p.PropertyDiff{Kind: p.UpdateReplace}
	}
	return p.DiffResponse{HasChanges: len(changes) > 0, DetailedDiff: changes}, err
}

func compare(old, new reflect.Value, changes map[string]p.PropertyDiff) {
	for i := range new.NumField() {
		field := new.Type().Field(i)
		if field.Anonymous {
			compare(old.Field(i), new.Field(i), changes)
			continue
		}
		if reflect.DeepEqual(old.Field(i).Interface(), new.Field(i).Interface()) {
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("pulumi"), ",")
		kind := p.UpdateReplace
		if name == "earlyRenewalHours" {
			kind = p.Update
		}
		changes[name] = p.PropertyDiff{Kind: kind, InputDiff: true}
	}
}
