package main

import (
	"fmt"
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
