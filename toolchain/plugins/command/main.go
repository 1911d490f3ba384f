// Command pulumi-resource-command serves the command:remote:Command and command:local:Command resources.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/middleware/schema"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"golang.org/x/crypto/ssh"
)

type Proxy struct {
	Host           string   `pulumi:"host"`
	Port           *float64 `pulumi:"port,optional"`
	User           *string  `pulumi:"user,optional"`
	Password       *string  `pulumi:"password,optional" provider:"secret"`
	PrivateKey     *string  `pulumi:"privateKey,optional" provider:"secret"`
	HostKey        *string  `pulumi:"hostKey,optional"`
	DialErrorLimit *int     `pulumi:"dialErrorLimit,optional"`
	PerDialTimeout *int     `pulumi:"perDialTimeout,optional"`
}

type Connection struct {
	Host           string   `pulumi:"host"`
	Port           *float64 `pulumi:"port,optional"`
	User           *string  `pulumi:"user,optional"`
	Password       *string  `pulumi:"password,optional" provider:"secret"`
	PrivateKey     *string  `pulumi:"privateKey,optional" provider:"secret"`
	HostKey        *string  `pulumi:"hostKey,optional"`
	DialErrorLimit *int     `pulumi:"dialErrorLimit,optional"`
	PerDialTimeout *int     `pulumi:"perDialTimeout,optional"`
	Proxy          *Proxy   `pulumi:"proxy,optional"`
}

func (c Connection) asProxy() Proxy {
	return Proxy{c.Host, c.Port, c.User, c.Password, c.PrivateKey, c.HostKey, c.DialErrorLimit, c.PerDialTimeout}
}

type Base struct {
	Create                 *string           `pulumi:"create,optional"`
	Update                 *string           `pulumi:"update,optional"`
	Delete                 *string           `pulumi:"delete,optional"`
	Environment            map[string]string `pulumi:"environment,optional"`
	Stdin                  *string           `pulumi:"stdin,optional"`
	Logging                *string           `pulumi:"logging,optional"`
	Triggers               *[]any            `pulumi:"triggers,optional"`
	AddPreviousOutputInEnv *bool             `pulumi:"addPreviousOutputInEnv,optional"`
}

type Out struct {
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

type RemoteArgs struct {
	Base
	Connection Connection `pulumi:"connection" provider:"secret"`
}
type RemoteState struct {
	RemoteArgs
	Out
}
type LocalArgs struct {
	Base
	Interpreter *[]string `pulumi:"interpreter,optional"`
	Dir         *string   `pulumi:"dir,optional"`
}
type LocalState struct {
	LocalArgs
	Out
}

func val[T any](p *T, d T) T {
	if p == nil {
		return d
	}
	return *p
}

func clientConfig(x Proxy) (string, *ssh.ClientConfig, error) {
	c := &ssh.ClientConfig{User: val(x.User, "root"), HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: time.Duration(val(x.PerDialTimeout, 15)) * time.Second}
	if x.HostKey != nil {
		k, _, _, _, err := ssh.ParseAuthorizedKey([]byte(*x.HostKey))
		if err != nil {
			return "", nil, fmt.Errorf("hostKey: %w", err)
		}
		c.HostKeyCallback = ssh.FixedHostKey(k)
		c.HostKeyAlgorithms = []string{k.Type()}
	}
	if x.PrivateKey != nil {
		k, err := ssh.ParsePrivateKey([]byte(*x.PrivateKey))
		if err != nil {
			return "", nil, fmt.Errorf("privateKey: %w", err)
		}
		c.Auth = append(c.Auth, ssh.PublicKeys(k))
	}
	if x.Password != nil {
		c.Auth = append(c.Auth, ssh.Password(*x.Password))
	}
	return net.JoinHostPort(x.Host, strconv.Itoa(int(val(x.Port, 22)))), c, nil
}

func retry(ctx context.Context, limit int, dial func() (*ssh.Client, error)) (*ssh.Client, error) {
	for n := 1; ; n++ {
		c, err := dial()
		if err == nil {
			return c, nil
		}
		if limit >= 0 && n > limit {
			return nil, fmt.Errorf("after %d tries: %w", n, err)
		}
		p.GetLogger(ctx).InfoStatus(fmt.Sprintf("Dial %d/%d failed: retrying", n, limit))
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func dial(ctx context.Context, c Connection) (*ssh.Client, error) {
	addr, cfg, err := clientConfig(c.asProxy())
	if err != nil {
		return nil, err
	}
	if c.Proxy == nil {
		return retry(ctx, val(c.DialErrorLimit, 10), func() (*ssh.Client, error) { return ssh.Dial("tcp", addr, cfg) })
	}
	paddr, pcfg, err := clientConfig(*c.Proxy)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	via, err := retry(ctx, val(c.Proxy.DialErrorLimit, 10), func() (*ssh.Client, error) { return ssh.Dial("tcp", paddr, pcfg) })
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	return retry(ctx, val(c.DialErrorLimit, 10), func() (*ssh.Client, error) {
		conn, err := via.Dial("tcp", addr)
		if err != nil {
			return nil, err
		}
		cc, ch, rq, err := ssh.NewClientConn(conn, addr, cfg)
		if err != nil {
			return nil, err
		}
		return ssh.NewClient(cc, ch, rq), nil
	})
}

// streams tees a command's output into buffers and, as far as logging asks for it, the engine's log.
func streams(ctx context.Context, logging *string) (so, se *bytes.Buffer, wo, we io.Writer, done func()) {
	so, se = &bytes.Buffer{}, &bytes.Buffer{}
	mode := val(logging, "stdoutAndStderr")
	lw := func(on bool, b *bytes.Buffer) io.Writer {
		if !on {
			return b
		}
		return io.MultiWriter(b, &lineWriter{emit: func(s string) { p.GetLogger(ctx).Info(s) }})
	}
	wo = lw(mode == "stdout" || mode == "stdoutAndStderr", so)
	we = lw(mode == "stderr" || mode == "stdoutAndStderr", se)
	return so, se, wo, we, func() {}
}

type lineWriter struct {
	rest []byte
	emit func(string)
}

func (w *lineWriter) Write(b []byte) (int, error) {
	w.rest = append(w.rest, b...)
	for {
		i := bytes.IndexByte(w.rest, '\n')
		if i < 0 {
			return len(b), nil
		}
		w.emit(string(w.rest[:i]))
		w.rest = w.rest[i+1:]
	}
}

func (a RemoteArgs) run(ctx context.Context, cmd string, prev *Out) (Out, error) {
	if cmd == "" {
		return Out{}, nil
	}
	c, err := dial(ctx, a.Connection)
	if err != nil {
		return Out{}, err
	}
	defer c.Close()
	s, err := c.NewSession()
	if err != nil {
		return Out{}, err
	}
	defer s.Close()
	env := map[string]string{}
	for k, v := range a.Environment {
		env[k] = v
	}
	if prev != nil && val(a.AddPreviousOutputInEnv, true) {
		env["PULUMI_COMMAND_STDOUT"], env["PULUMI_COMMAND_STDERR"] = prev.Stdout, prev.Stderr
	}
	for k, v := range env {
		if err := s.Setenv(k, v); err != nil && !strings.HasPrefix(k, "PULUMI_COMMAND_") {
			return Out{}, fmt.Errorf("could not set environment variable %q: the SSH server must AcceptEnv it: %w", k, err)
		}
	}
	if a.Stdin != nil {
		s.Stdin = strings.NewReader(*a.Stdin)
	}
	so, se, wo, we, _ := streams(ctx, a.Logging)
	s.Stdout, s.Stderr = wo, we
	fin := make(chan error, 1)
	go func() { fin <- s.Run(cmd) }()
	select {
	case err = <-fin:
	case <-ctx.Done():
		c.Close()
		err = ctx.Err()
	}
	out := Out{strings.TrimSuffix(so.String(), "\n"), strings.TrimSuffix(se.String(), "\n")}
	if err != nil {
		return out, fmt.Errorf("%w: running %q:\n%s", err, cmd, se.String())
	}
	return out, nil
}

func (a LocalArgs) run(ctx context.Context, cmd string, prev *Out) (Out, error) {
	if cmd == "" {
		return Out{}, nil
	}
	argv := append(append([]string{}, val(a.Interpreter, []string{"/bin/sh", "-c"})...), cmd)
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	c.Dir = val(a.Dir, "")
	c.Env = os.Environ()
	if prev != nil && val(a.AddPreviousOutputInEnv, true) {
		c.Env = append(c.Env, "PULUMI_COMMAND_STDOUT="+prev.Stdout, "PULUMI_COMMAND_STDERR="+prev.Stderr)
	}
	for k, v := range a.Environment {
		c.Env = append(c.Env, k+"="+v)
	}
	if a.Stdin != nil {
		c.Stdin = strings.NewReader(*a.Stdin)
	}
	so, se, wo, we, _ := streams(ctx, a.Logging)
	c.Stdout, c.Stderr = wo, we
	err := c.Run()
	out := Out{strings.TrimSuffix(so.String(), "\n"), strings.TrimSuffix(se.String(), "\n")}
	if err != nil {
		return out, fmt.Errorf("%w: running %q:\n%s", err, cmd, se.String())
	}
	return out, nil
}

func newID(prefix string) string {
	b := make([]byte, 8)
	rand.Read(b)
	return prefix + hex.EncodeToString(b)
}

type RemoteCommand struct{}
type LocalCommand struct{}

func (r *RemoteCommand) Annotate(a infer.Annotator) { a.SetToken("remote", "Command") }
func (r *LocalCommand) Annotate(a infer.Annotator)  { a.SetToken("local", "Command") }

func (RemoteCommand) Create(ctx context.Context, q infer.CreateRequest[RemoteArgs]) (r infer.CreateResponse[RemoteState], err error) {
	r.ID, r.Output.RemoteArgs = newID(q.Name), q.Inputs
	if !q.DryRun {
		r.Output.Out, err = q.Inputs.run(ctx, val(q.Inputs.Create, ""), nil)
	}
	return
}
func (RemoteCommand) Update(ctx context.Context, q infer.UpdateRequest[RemoteArgs, RemoteState]) (r infer.UpdateResponse[RemoteState], err error) {
	r.Output = RemoteState{q.Inputs, q.State.Out}
	if !q.DryRun {
		if cmd := val(q.Inputs.Update, val(q.Inputs.Create, "")); cmd != "" {
			r.Output.Out, err = q.Inputs.run(ctx, cmd, &q.State.Out)
		}
	}
	return
}
func (RemoteCommand) Delete(ctx context.Context, q infer.DeleteRequest[RemoteState]) (r infer.DeleteResponse, err error) {
	_, err = q.State.run(ctx, val(q.State.Delete, ""), &q.State.Out)
	return
}
func (RemoteCommand) Diff(ctx context.Context, q infer.DiffRequest[RemoteArgs, RemoteState]) (infer.DiffResponse, error) {
	return diff(q.State.RemoteArgs, q.Inputs, q.Inputs.Base)
}
func (LocalCommand) Create(ctx context.Context, q infer.CreateRequest[LocalArgs]) (r infer.CreateResponse[LocalState], err error) {
	r.ID, r.Output.LocalArgs = newID(q.Name), q.Inputs
	if !q.DryRun {
		r.Output.Out, err = q.Inputs.run(ctx, val(q.Inputs.Create, ""), nil)
	}
	return
}
func (LocalCommand) Update(ctx context.Context, q infer.UpdateRequest[LocalArgs, LocalState]) (r infer.UpdateResponse[LocalState], err error) {
	r.Output = LocalState{q.Inputs, q.State.Out}
	if !q.DryRun {
		if cmd := val(q.Inputs.Update, val(q.Inputs.Create, "")); cmd != "" {
			r.Output.Out, err = q.Inputs.run(ctx, cmd, &q.State.Out)
		}
	}
	return
}
func (LocalCommand) Delete(ctx context.Context, q infer.DeleteRequest[LocalState]) (r infer.DeleteResponse, err error) {
	_, err = q.State.run(ctx, val(q.State.Delete, ""), &q.State.Out)
	return
}
func (LocalCommand) Diff(ctx context.Context, q infer.DiffRequest[LocalArgs, LocalState]) (infer.DiffResponse, error) {
	return diff(q.State.LocalArgs, q.Inputs, q.Inputs.Base)
}

// diff compares field by field; a change of triggers replaces unless an update command is given.
func diff(old, new any, b Base) (infer.DiffResponse, error) {
	d := map[string]p.PropertyDiff{}
	compare(reflect.ValueOf(old), reflect.ValueOf(new), d)
	if t, ok := d["triggers"]; ok && b.Update == nil {
		t.Kind = p.UpdateReplace
		d["triggers"] = t
	}
	return infer.DiffResponse{HasChanges: len(d) > 0, DetailedDiff: d}, nil
}

func compare(o, n reflect.Value, d map[string]p.PropertyDiff) {
	for i := 0; i < n.NumField(); i++ {
		f := n.Type().Field(i)
		if f.Anonymous {
			compare(o.Field(i), n.Field(i), d)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("pulumi"), ",")
		if !reflect.DeepEqual(o.Field(i).Interface(), n.Field(i).Interface()) {
			d[name] = p.PropertyDiff{Kind: p.Update, InputDiff: true}
		}
	}
}

func main() {
	prov, err := infer.NewProviderBuilder().
		WithResources(infer.Resource(RemoteCommand{}), infer.Resource(LocalCommand{})).
		WithModuleMap(map[tokens.ModuleName]tokens.ModuleName{"main": "index"}).Build()
	_ = schema.Options{}
	if err == nil {
		err = prov.Run(context.Background(), "command", version)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
var version = "0.0.0"
