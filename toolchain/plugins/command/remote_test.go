package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	rpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"

	"congress-ha/toolchain/plugins/plugintest"
)

// remote starts a plugin and a server, and gives a resource and a connection that works.
func remote(t *testing.T) (*plugintest.Resource, map[string]any) {
	t.Helper()
	private, public := keyPair(t, "")
	server := newServer(t, public).start(t)
	plugin := plugintest.Start(t, "SSH_AUTH_SOCK=")
	return &plugintest.Resource{Plugin: plugin, Type: "command:remote:Command"}, server.connection(t, private)
}

func TestRemoteCreateUpdateDelete(t *testing.T) {
	command, connection := remote(t)
	marker := filepath.Join(t.TempDir(), "deleted")
	inputs := map[string]any{
		"connection": plugintest.Secret(connection),
		"create":     `cat; echo "err $GREETING" >&2; printf 'last\n\n'`,
		"update":     `echo "updated after $PULUMI_COMMAND_STDOUT"`,
		"delete":     "touch " + marker, "stdin": "from stdin\n",
		"environment": map[string]any{"GREETING": "hello"},
	}
	must(t, command.Create(t, inputs))
	if !regexp.MustCompile(`^name[0-9a-f]{8}$`).MatchString(command.ID) {
		t.Errorf("id %q", command.ID)
	}
	if got := command.Text(t, "stdout", false); got != "from stdin\nlast\n" {
		t.Errorf("stdout %q: exactly one newline is cut off", got)
	}
	if got := command.Text(t, "stderr", false); got != "err hello" {
		t.Errorf("stderr %q", got)
	}
	if !command.Outputs["connection"].IsSecret() {
		t.Error("the connection is not secret in the state")
	}
	if diff := command.Diff(t, inputs); diff.Changes != rpc.DiffResponse_DIFF_NONE {
		t.Errorf("unchanged inputs: %v", diff)
	}

	changed := with(inputs, "stdin", "other")
	if diff := command.Diff(t, changed); diff.Changes != rpc.DiffResponse_DIFF_SOME || len(diff.Replaces) > 0 {
		t.Errorf("a changed stdin must update in place: %v", diff)
	}
	id := command.ID
	must(t, command.Update(t, changed))
	if got := command.Text(t, "stdout", false); got != "updated after from stdin\nlast\n" || command.ID != id {
		t.Errorf("after the update: %q", got)
	}
	must(t, command.Delete(t))
	if _, err := os.Stat(marker); err != nil {
		t.Errorf("the delete command did not run: %v", err)
	}
}

func TestTriggersReplaceEvenWithAnUpdateCommand(t *testing.T) {
	command, connection := remote(t)
	inputs := map[string]any{"connection": connection, "create": "true", "update": "true"}
	must(t, command.Create(t, inputs))
	diff := command.Diff(t, with(inputs, "triggers", []any{"a"}))
	if len(diff.Replaces) != 1 || diff.Replaces[0] != "triggers" {
		t.Errorf("replaces %v", diff.Replaces)
	}
}

func TestUpdateWithoutUpdateCommandRunsCreate(t *testing.T) {
	command, connection := remote(t)
	must(t, command.Create(t, map[string]any{"connection": connection, "create": "echo one"}))
	must(t, command.Update(t, map[string]any{"connection": connection, "create": "echo two"}))
	if got := command.Text(t, "stdout", false); got != "two" {
		t.Errorf("stdout %q", got)
	}
	// Without any command the output stays and nothing is dialed.
	unreachable := with(connection, "port", 1, "dialErrorLimit", 0)
	must(t, command.Update(t, map[string]any{"connection": unreachable}))
	if got := command.Text(t, "stdout", false); got != "two" {
		t.Errorf("stdout %q", got)
	}
}

func TestFailingCommandShowsBothStreams(t *testing.T) {
	command, connection := remote(t)
	err := command.Create(t, map[string]any{
		"connection": connection, "create": "echo to-stdout; echo to-stderr >&2; exit 3",
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, text := range []string{"status 3", "to-stdout", "to-stderr"} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q is missing in: %v", text, err)
		}
	}
	if command.ID != "" {
		t.Error("a failed create must leave nothing in the state")
	}
}

func TestLargeOutput(t *testing.T) {
	command, connection := remote(t)
	// A line of 3 MB and many short ones; the official plugin hangs on lines above 64 KiB.
	must(t, command.Create(t, map[string]any{
		"connection": connection, "create": "head -c 3000000 /dev/zero | tr '\\0' x; echo; seq 20000; printf end",
	}))
	got := command.Text(t, "stdout", false)
	if len(got) != 3000000+1+108894+3 || !strings.HasSuffix(got, "20000\nend") {
		t.Errorf("%d bytes, ending %q", len(got), got[max(0, len(got)-20):])
	}
	lines := command.Plugin.Lines(true)
	if last := lines[len(lines)-1]; last != "end" {
		t.Errorf("the last status line, unterminated, is %q", last)
	}
	if len(lines[0]) > 5000 || !strings.Contains(lines[0], "(3000000 bytes)") {
		t.Errorf("the long status line has %d bytes", len(lines[0]))
	}
	if diagnostics := command.Plugin.Lines(false); len(diagnostics) > 0 {
		t.Errorf("diagnostics, which stay on the terminal: %q", diagnostics)
	}
}

func TestLoggingAndSecrets(t *testing.T) {
	command, connection := remote(t)
	script := map[string]any{"connection": connection, "create": "cat; echo visible >&2", "stdin": "s3cret-value"}
	for logging, want := range map[string]string{"none": "", "stderr": "visible"} {
		before := len(command.Plugin.Lines(true))
		must(t, command.Create(t, with(script, "logging", logging)))
		if got := strings.Join(command.Plugin.Lines(true)[before:], "|"); got != want {
			t.Errorf("logging %s: %q", logging, got)
		}
	}
	if _, failures := command.Check(t, with(script, "logging", "loud")); len(failures) != 1 {
		t.Errorf("logging loud: %v", failures)
	}
}

func TestRefusedVariables(t *testing.T) {
	command, connection := remote(t)
	inputs := map[string]any{"connection": connection, "create": "echo out; echo err >&2"}
	err := command.Create(t, with(inputs, "environment", map[string]any{"OTHER": "x"}))
	if err == nil || !strings.Contains(err.Error(), "AcceptEnv") {
		t.Errorf("a variable the server refuses: %v", err)
	}
	// The server takes PULUMI_COMMAND_STDOUT and refuses PULUMI_COMMAND_STDERR: a warning, no failure.
	must(t, command.Create(t, inputs))
	must(t, command.Update(t, with(inputs, "stdin", "x")))
	warnings := strings.Join(command.Plugin.Lines(false), "\n")
	if !strings.Contains(warnings, "PULUMI_COMMAND_STDERR") || strings.Contains(warnings, "PULUMI_COMMAND_STDOUT") {
		t.Errorf("warnings: %q", warnings)
	}
	before := len(command.Plugin.Lines(false))
	must(t, command.Update(t, with(inputs, "stdin", "y", "addPreviousOutputInEnv", false)))
	if lines := command.Plugin.Lines(false)[before:]; len(lines) > 0 {
		t.Errorf("without previous output: %q", lines)
	}
}

// For root sshd refuses the signal that ends the remote command, too; so this looks at the connection only.
func TestCancelClosesTheConnection(t *testing.T) {
	private, public := keyPair(t, "")
	server := newServer(t, public).start(t)
	command := &plugintest.Resource{Plugin: plugintest.Start(t, "SSH_AUTH_SOCK="), Type: "command:remote:Command"}
	result := make(chan error, 1)
	go func() {
		result <- command.Create(t, map[string]any{
			"connection": server.connection(t, private), "create": "echo started; exec sleep 60",
		})
	}()
	command.Plugin.WaitForLine(t, "started")
	_, err := command.Plugin.Cancel(context.Background(), &emptypb.Empty{})
	must(t, err)
	select {
	case err := <-result:
		if err == nil || !strings.Contains(err.Error(), "cancel") {
			t.Errorf("error %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the command still runs 10 s after the cancellation")
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		log, err := os.ReadFile(filepath.Join(server.folder, "log"))
		must(t, err)
		if strings.Contains(string(log), "Close session") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server still has the connection:\n%s", log)
		}
	}
}
