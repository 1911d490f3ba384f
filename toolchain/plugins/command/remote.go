package main

import (
	"context"
	"fmt"
	"strings"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"golang.org/x/crypto/ssh"

	"congress-ha/toolchain/plugins/serve"
)

// Remote is command:remote:Command.
type Remote struct{}

// RemoteArgs: the user's login shell on the host gets the command.
type RemoteArgs struct {
	Script
	Connection Connection `pulumi:"connection" provider:"secret"`
}

// RemoteState adds what the last command wrote.
type RemoteState struct {
	RemoteArgs
	Output
}

// Annotate names the type.
func (r *Remote) Annotate(a infer.Annotator) { a.SetToken("remote", "Command") }

// Check refuses inputs that cannot work.
func (Remote) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[RemoteArgs], error) {
	return check[RemoteArgs](ctx, req.NewInputs)
}

// Create runs the create command.
func (Remote) Create(
	ctx context.Context, req infer.CreateRequest[RemoteArgs],
) (resp infer.CreateResponse[RemoteState], err error) {
	resp.ID, resp.Output.RemoteArgs = newID(req.Name), req.Inputs
	if !req.DryRun {
		resp.Output.Output, err = req.Inputs.runner().run(ctx, req.Inputs.Create, req.Inputs.Script, Output{})
	}
	return resp, err
}

// Update runs the update command, or the create command when there is none.
func (Remote) Update(
	ctx context.Context, req infer.UpdateRequest[RemoteArgs, RemoteState],
) (resp infer.UpdateResponse[RemoteState], err error) {
	resp.Output = RemoteState{req.Inputs, req.State.Output}
	if !req.DryRun {
		resp.Output.Output, err = req.Inputs.runner().run(
			ctx, req.Inputs.onUpdate(), req.Inputs.Script, req.State.Output)
	}
	return resp, err
}

// Delete runs the delete command.
func (Remote) Delete(ctx context.Context, req infer.DeleteRequest[RemoteState]) (infer.DeleteResponse, error) {
	_, err := req.State.runner().run(ctx, req.State.Delete, req.State.Script, req.State.Output)
	return infer.DeleteResponse{}, err
}

func (a RemoteArgs) runner() runner {
	return func(ctx context.Context, command string, script Script, previous Output) (Output, error) {
		client, close, err := a.Connection.dial(ctx)
		if err != nil {
			return Output{}, err
		}
		defer close()
		session, err := client.NewSession()
		if err != nil {
			return Output{}, err
		}
		if err := setVariables(ctx, session, script, previous); err != nil {
			return Output{}, err
		}
		if stdin := serve.Or(script.Stdin, ""); stdin != "" {
			session.Stdin = strings.NewReader(stdin)
		}
		streams := newStreams(ctx, script.Logging)
		session.Stdout, session.Stderr = streams.stdout, streams.stderr
		watched, end := context.WithCancelCause(ctx)
		defer end(nil)
		go watch(watched, client, askAfter, answerWithin, func() {
			end(fmt.Errorf("%s has answered nothing for %s: the host is off, or cut off. "+
				"Run the update again when it is back", a.Connection.address(), answerWithin))
		})
		done := context.AfterFunc(watched, func() {
			// A cancelled update ends the remote command, which else would run on beside the next one.
			if ctx.Err() != nil {
				_ = session.Signal(ssh.SIGTERM)
			}
			close()
		})
		err = session.Run(command)
		if !done() {
			err = context.Cause(watched)
		}
		return streams.result(command, err)
	}
}

// setVariables: a server that does not accept a variable of the user's fails the command; one that does
// not accept the previous output gets a warning.
func setVariables(ctx context.Context, session *ssh.Session, script Script, previous Output) error {
	for name, value := range script.Environment {
		if err := session.Setenv(name, value); err != nil {
			return fmt.Errorf("environment: the SSH server does not accept %q: add it to AcceptEnv there, "+
				"or put it into the command: %w", name, err)
		}
	}
	for name, value := range script.variables(previous) {
		if err := session.Setenv(name, value); err != nil {
			p.GetLogger(ctx).Warningf("the SSH server does not accept %s: add it to AcceptEnv there, "+
				"or set addPreviousOutputInEnv to false", name)
		}
	}
	return nil
}
