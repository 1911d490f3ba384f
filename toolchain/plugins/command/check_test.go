package main

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"congress-ha/toolchain/plugins/plugintest"
)

// The engine prints the value of a property that a failure names: with the official plugin, a private key.
func TestWrongConnectionNeverShowsItself(t *testing.T) {
	command, connection := remote(t)
	for problem, wrong := range map[string]map[string]any{
		`unknown field "hostkey"; known`:          with(connection, "hostkey", "x"),
		`unknown field "bogus" in proxy; known`:   with(connection, "proxy", with(connection, "bogus", "x")),
		"host is missing, or a field has a wrong": with(connection, "port", "ssh"),
		"host is missing":                         {"privateKey": connection["privateKey"]},
	} {
		want := "connection: " + problem
		for _, value := range []any{wrong, plugintest.Secret(wrong)} {
			_, failures := command.Check(t, map[string]any{"connection": value, "create": "true"})
			if len(failures) != 1 || failures[0].Property != "" || !strings.Contains(failures[0].Reason, want) ||
				strings.Contains(fmt.Sprint(failures), "PRIVATE KEY") {
				t.Errorf("want %s, have %v", want, failures)
			}
		}
	}
}

// The defaults become part of the inputs, as with the official plugin: a stack that changes between the
// two must not see other connections.
func TestDefaultsOfConnections(t *testing.T) {
	command, _ := remote(t)
	checked, failures := command.Check(t, map[string]any{
		"connection": map[string]any{"host": "target", "proxy": map[string]any{"host": "bastion"}},
	})
	if len(failures) > 0 {
		t.Fatal(failures)
	}
	if !checked["connection"].IsSecret() {
		t.Error("the checked connection is not secret")
	}
	connection := checked["connection"].SecretValue().Element.Mappable().(map[string]any)
	proxy := connection["proxy"].(map[string]any)
	delete(connection, "proxy")
	defaults := map[string]any{"user": "root", "port": 22.0, "dialErrorLimit": 10.0, "perDialTimeout": 15.0}
	for host, have := range map[string]map[string]any{"target": connection, "bastion": proxy} {
		if want := with(defaults, "host", host); !reflect.DeepEqual(have, want) {
			t.Errorf("%v, want %v", have, want)
		}
	}
}
