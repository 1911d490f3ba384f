package main

import (
	"fmt"
	"strings"
	"testing"

	"congress-ha/toolchain/plugins/plugintest"
)

// The engine prints what Check says, and the official plugin's answer holds the whole connection.
func TestWrongConnectionNeverShowsItself(t *testing.T) {
	command, connection := remote(t)
	for want, wrong := range map[string]map[string]any{
		`unknown field "hostkey"; known`:        with(connection, "hostkey", "x"),
		`unknown field "bogus" in proxy; known`: with(connection, "proxy", with(connection, "bogus", "x")),
		"a field has a wrong type":              with(connection, "port", "ssh"),
		"host is missing":                       {"privateKey": connection["privateKey"]},
	} {
		for _, value := range []any{wrong, plugintest.Secret(wrong)} {
			_, failures := command.Check(t, map[string]any{"connection": value, "create": "true"})
			if len(failures) != 1 || failures[0].Property != "connection" || !strings.Contains(failures[0].Reason, want) ||
				strings.Contains(fmt.Sprint(failures), "PRIVATE KEY") {
				t.Errorf("want %s, have %v", want, failures)
			}
		}
	}
}
