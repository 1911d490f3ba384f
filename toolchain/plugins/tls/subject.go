package main

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net"
	"net/url"

	"congress-ha/toolchain/plugins/serve"
)

// Subject is a distinguished name.
type Subject struct {
	CommonName         *string  `pulumi:"commonName,optional"`
	Country            *string  `pulumi:"country,optional"`
	EmailAddress       *string  `pulumi:"emailAddress,optional"`
	Locality           *string  `pulumi:"locality,optional"`
	Organization       *string  `pulumi:"organization,optional"`
	OrganizationalUnit *string  `pulumi:"organizationalUnit,optional"`
	PostalCode         *string  `pulumi:"postalCode,optional"`
	Province           *string  `pulumi:"province,optional"`
	SerialNumber       *string  `pulumi:"serialNumber,optional"`
	StreetAddresses    []string `pulumi:"streetAddresses,optional"`
}

// Names are the subject and the alternative names of a request or certificate.
type Names struct {
	DNSNames    []string `pulumi:"dnsNames,optional"`
	IPAddresses []string `pulumi:"ipAddresses,optional"`
	Uris        []string `pulumi:"uris,optional"`
	Subject     *Subject `pulumi:"subject,optional"`
}

var emailAddress = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}

func (s *Subject) name() (name pkix.Name) {
	if s == nil {
		return name
	}
	name.CommonName = serve.Or(s.CommonName, "")
	name.SerialNumber = serve.Or(s.SerialNumber, "")
	name.Country = list(s.Country)
	name.Locality = list(s.Locality)
	name.Organization = list(s.Organization)
	name.OrganizationalUnit = list(s.OrganizationalUnit)
	name.PostalCode = list(s.PostalCode)
	name.Province = list(s.Province)
	name.StreetAddress = s.StreetAddresses
	if email := serve.Or(s.EmailAddress, ""); email != "" {
		name.ExtraNames = []pkix.AttributeTypeAndValue{{Type: emailAddress, Value: email}}
	}
	return name
}

func list(value *string) []string {
	if serve.Or(value, "") == "" {
		return nil
	}
	return []string{*value}
}

func (n Names) parse() (addresses []net.IP, uris []*url.URL, err error) {
	for _, text := range n.IPAddresses {
		address := net.ParseIP(text)
		if address == nil {
			return nil, nil, fmt.Errorf("ipAddresses: %q is no IP address", text)
		}
		addresses = append(addresses, address)
	}
	for _, text := range n.Uris {
		uri, err := url.Parse(text)
		if err != nil {
			return nil, nil, fmt.Errorf("uris: %w", err)
		}
		uris = append(uris, uri)
	}
	return addresses, uris, nil
}
