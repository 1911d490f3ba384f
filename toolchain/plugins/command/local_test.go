package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"

	"congress-ha/toolchain/plugins/plugintest"
)

func local(t *testing.T) *plugintest.Resource {
	t.Helper()
	return &plugintest.Resource{Plugin: plugintest.Start(t), Type: "command:local:Command"}
}

func TestLocalCommand(t *testing.T) {
	command, folder := local(t), t.TempDir()
	inputs := map[string]any{
		"create": `cat; pwd; echo "$GREETING" >&2`, "stdin": "in\n", "dir": folder,
		"environment": map[string]any{"GREETING": "hello"},
		"update":      `echo "[$PULUMI_COMMAND_STDOUT] [$PULUMI_COMMAND_STDERR]"`,
	}
	must(t, command.Create(t, inputs))
	if got := command.Text(t, "stdout", false); got != "in\n"+folder {
		t.Errorf("stdout %q", got)
	}
	must(t, command.Update(t, with(inputs, "stdin", "x")))
	if got := command.Text(t, "stdout", false); got != "[in\n"+folder+"] [hello]" {
		t.Errorf("stdout %q", got)
	}
	must(t, command.Create(t, map[string]any{"interpreter": []any{"/bin/echo", "-n"}, "create": "word"}))
	if got := command.Text(t, "stdout", false); got != "word" {
		t.Errorf("stdout %q", got)
	}
	err := command.Create(t, map[string]any{"create": "echo one; echo two >&2; exit 4"})
	// The two streams are two pipes: which comes first is not certain.
	if err == nil || !strings.Contains(err.Error(), "one\n") || !strings.Contains(err.Error(), "two\n") {
		t.Errorf("error %v", err)
	}
}

func TestCancelEndsALocalCommandAndItsChildren(t *testing.T) {
	command := local(t)
	result := make(chan error, 1)
	go func() { result <- command.Create(t, map[string]any{"create": "echo started; sleep 600; true"}) }()
	command.Plugin.WaitForLine(t, "started")
	_, err := command.Plugin.Cancel(context.Background(), &emptypb.Empty{})
	must(t, err)
	select {
	case err := <-result:
		if err == nil {
			t.Error("no error")
		}
	case <-time.After(8 * time.Second):
		t.Fatal("the command still runs 8 s after the cancellation")
	}
}
