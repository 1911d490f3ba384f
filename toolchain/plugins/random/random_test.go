package main

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	rpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"golang.org/x/crypto/bcrypt"

	"congress-ha/toolchain/plugins/plugintest"
)

func TestMain(m *testing.M) { plugintest.Main(m, main) }

func count(text, characters string) (n int) {
	for _, c := range text {
		if strings.ContainsRune(characters, c) {
			n++
		}
	}
	return n
}

func TestPassword(t *testing.T) {
	password := &plugintest.Resource{
		Plugin: plugintest.Start(t), Type: "random:index/randomPassword:RandomPassword",
	}
	inputs := plugintest.Props{
		"length": 30, "upper": false, "overrideSpecial": "_", "minNumeric": 12, "minSpecial": 9,
	}
	seen := map[string]bool{}
	for range 10 {
		plugintest.Must(t, password.Create(t, inputs))
		result := password.Text(t, "result", true)
		digits, special := count(result, "0123456789"), count(result, "_")
		if lower := count(result, "abcdefghijklmnopqrstuvwxyz"); digits < 12 || special < 9 ||
			len(result) != 30 || lower+digits+special != 30 {
			t.Fatalf("%q", result)
		}
		seen[result] = true
	}
	if len(seen) != 10 {
		t.Errorf("%d different passwords of 10", len(seen))
	}
	for name, want := range map[string]any{"lower": true, "upper": false, "number": true, "minLower": 0.0} {
		if got := password.Outputs.Mappable()[name]; got != want {
			t.Errorf("%s in the state is %v, want %v", name, got, want)
		}
	}
	if diff := password.Diff(t, inputs); diff.Changes != rpc.DiffResponse_DIFF_NONE {
		t.Errorf("unchanged inputs: %v", diff)
	}
	for name, value := range map[string]any{"length": 31, "keepers": plugintest.Props{"a": "b"}} {
		changed := plugintest.Props{name: value}
		for name, value := range inputs {
			if changed[name] == nil {
				changed[name] = value
			}
		}
		if diff := password.Diff(t, changed); len(diff.Replaces) == 0 {
			t.Errorf("a changed %s must replace: %v", name, diff)
		}
	}
}

func TestImpossiblePasswords(t *testing.T) {
	password := &plugintest.Resource{
		Plugin: plugintest.Start(t), Type: "random:index/randomPassword:RandomPassword",
	}
	for _, inputs := range []plugintest.Props{
		{"length": 0}, {"length": 3, "minLower": 2, "minUpper": 2},
		{"length": 8, "lower": false, "upper": false, "numeric": false, "special": false},
	} {
		if _, failures := password.Check(t, inputs); len(failures) != 1 || failures[0].Property != "length" {
			t.Errorf("%v: %v", inputs, failures)
		}
	}
}

func TestLongPasswordAndBcryptLimit(t *testing.T) {
	password := &plugintest.Resource{
		Plugin: plugintest.Start(t), Type: "random:index/randomPassword:RandomPassword",
	}
	plugintest.Must(t, password.Create(t, plugintest.Props{"length": 100}))
	result := password.Text(t, "result", true)
	plugintest.Must(t, bcrypt.CompareHashAndPassword([]byte(password.Text(t, "bcryptHash", true)), []byte(result[:72])))
}

func TestBytes(t *testing.T) {
	bytes := &plugintest.Resource{Plugin: plugintest.Start(t), Type: "random:index/randomBytes:RandomBytes"}
	plugintest.Must(t, bytes.Create(t, plugintest.Props{"length": 32}))
	decoded, err := base64.StdEncoding.DecodeString(bytes.Text(t, "base64", true))
	plugintest.Must(t, err)
	if len(decoded) != 32 || hex.EncodeToString(decoded) != bytes.Text(t, "hex", true) {
		t.Errorf("%d bytes, hex %s", len(decoded), bytes.Text(t, "hex", true))
	}
	if bytes.ID != "none" {
		t.Errorf("the id %q must not tell the secret", bytes.ID)
	}
	if _, failures := bytes.Check(t, plugintest.Props{"length": 0}); len(failures) != 1 {
		t.Errorf("length 0: %v", failures)
	}
}
