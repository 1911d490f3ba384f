package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // identifiers, no signatures: RFC 5280 4.2.1.2 and Terraform's ids
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
)

func armor(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

// digest is the id Terraform's tls provider gives keys and requests.
func digest(der []byte) string {
	sum := sha1.Sum(bytes.TrimSpace(der))
	return hex.EncodeToString(sum[:])
}

// subjectKeyID follows RFC 5280 4.2.1.2, method 1: SHA-1 of the public key's bit string.
func subjectKeyID(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, err
	}
	sum := sha1.Sum(info.Key.Bytes)
	return sum[:], nil
}

// parseKey reads a private key in any of the encodings PrivateKey writes, and its algorithm's name.
// Errors never carry the key.
func parseKey(field, text string) (crypto.Signer, string, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, "", fmt.Errorf("%s: no PEM block found", field)
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		err = fmt.Errorf("PEM block %q is no private key this plugin reads", block.Type)
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", field, err)
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key, "RSA", nil
	case *ecdsa.PrivateKey:
		return key, "ECDSA", nil
	case ed25519.PrivateKey:
		return key, "ED25519", nil
	}
	return nil, "", fmt.Errorf("%s: use an RSA, ECDSA or ED25519 key", field)
}

func parseBlock(field, label, text string) ([]byte, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != label {
		return nil, errors.New(field + ": no PEM block " + label + " found")
	}
	return block.Bytes, nil
}
