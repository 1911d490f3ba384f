package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/pulumi/pulumi-go-provider/infer"

	"congress-ha/toolchain/plugins/serve"
)

// Local is command:local:Command.
type Local struct{}

// LocalArgs: the interpreter, by default `/bin/sh -c`, gets the command as its last argument.
type LocalArgs struct {
	Script
	Interpreter []string `pulumi:"interpreter,optional"`
	Dir         *string  `pulumi:"dir,optional"`
}

// LocalState adds what the last command wrote.
type LocalState struct {
	LocalArgs
	Output
}

// Annotate names the type.
func (l *Local) Annotate(a infer.Annotator) { a.SetToken("local", "Command") }

// Check refuses inputs that cannot work.
func (Local) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[LocalArgs], error) {
	return check[LocalArgs](ctx, req.NewInputs)
}

// Create runs the create command.
func (Local) Create(
	ctx context.Context, req infer.CreateRequest[LocalArgs],
) (resp infer.CreateResponse[LocalState], err error) {
	resp.ID, resp.Output.LocalArgs = newID(req.Name), req.Inputs
	if !req.DryRun {
		resp.Output.Output, err = req.Inputs.runner().run(ctx, req.Inputs.Create, req.Inputs.Script, Output{})
	}
	return resp, err
}

// Update runs the update command, or the create command when there is none.
func (Local) Update(
	ctx context.Context, req infer.UpdateRequest[LocalArgs, LocalState],
) (resp infer.UpdateResponse[LocalState], err error) {
	resp.Output = LocalState{req.Inputs, req.State.Output}
	if !req.DryRun {
		resp.Output.Output, err = req.Inputs.runner().run(
			ctx, req.Inputs.onUpdate(), req.Inputs.Script, req.State.Output)
	}
	return resp, err
}

// Delete runs the delete command.
func (Local) Delete(ctx context.Context, req infer.DeleteRequest[LocalState]) (infer.DeleteResponse, error) {
	_, err := req.State.runner().run(ctx, req.State.Delete, req.State.Script, req.State.Output)
	return infer.DeleteResponse{}, err
}

func (a LocalArgs) runner() runner {
	return func(ctx context.Context, command string, script Script, previous Output) (Output, error) {
		words := append([]string{}, a.Interpreter...)
		if len(words) == 0 {
			words = []string{"/bin/sh", "-c"}
		}
		words = append(words, command)
		process := exec.CommandContext(ctx, words[0], words[1:]...)
		// A cancelled update ends the command with all its children; the delay is for what ignores that.
		process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		process.Cancel = func() error { return syscall.Kill(-process.Process.Pid, syscall.SIGTERM) }
		process.WaitDelay = 10 * time.Second
		process.Dir = serve.Or(a.Dir, "")
		process.Env = os.Environ()
		for _, variables := range []map[string]string{script.Environment, script.variables(previous)} {
			for name, value := range variables {
				process.Env = append(process.Env, name+"="+value)
			}
		}
		if stdin := serve.Or(script.Stdin, ""); stdin != "" {
			process.Stdin = strings.NewReader(stdin)
		}
		streams := newStreams(ctx, script.Logging)
		process.Stdout, process.Stderr = streams.stdout, streams.stderr
		return streams.result(command, process.Run())
	}
}
