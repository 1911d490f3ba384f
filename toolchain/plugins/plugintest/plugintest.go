// Package plugintest drives a plugin as the engine does: as a process of its own, over gRPC.
package plugintest

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/urn"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	rpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"
)

const asPlugin = "PLUGINTEST_SERVE"

// Main is for a package's TestMain: the test binary, started once more, is the plugin.
func Main(m *testing.M, serve func()) {
	if os.Getenv(asPlugin) != "" {
		serve()
		return
	}
	os.Exit(m.Run())
}

// Plugin is a running plugin and what it told the engine.
type Plugin struct {
	rpc.ResourceProviderClient
	rpc.UnimplementedEngineServer
	mutex sync.Mutex
	log   []*rpc.LogRequest
}

// Start starts the plugin; it ends with the test. Extra variables have the form NAME=value.
func Start(t testing.TB, environment ...string) *Plugin {
	t.Helper()
	p := &Plugin{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Must(t, err)
	engine := grpc.NewServer()
	rpc.RegisterEngineServer(engine, p)
	go func() { _ = engine.Serve(listener) }()
	t.Cleanup(engine.Stop)

	process := exec.Command(os.Args[0], listener.Addr().String())
	process.Env = append(append(os.Environ(), asPlugin+"=1"), environment...)
	process.Stderr = os.Stderr
	stdout, err := process.StdoutPipe()
	Must(t, err)
	Must(t, process.Start())
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	})
	port, err := bufio.NewReader(stdout).ReadString('\n')
	Must(t, err)
	connection, err := grpc.NewClient("127.0.0.1:"+strings.TrimSpace(port),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(400<<20)))
	Must(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	p.ResourceProviderClient = rpc.NewResourceProviderClient(connection)
	_, err = p.Configure(t.Context(), &rpc.ConfigureRequest{
		AcceptSecrets: true, AcceptResources: true, SendsOldInputs: true, SendsOldInputsToDelete: true,
	})
	Must(t, err)
	return p
}

// Log records a line for Lines.
func (p *Plugin) Log(_ context.Context, line *rpc.LogRequest) (*emptypb.Empty, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.log = append(p.log, line)
	return &emptypb.Empty{}, nil
}

// Lines are the messages so far; ephemeral ones are status lines, the others diagnostics.
func (p *Plugin) Lines(ephemeral bool) (lines []string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, line := range p.log {
		if line.Ephemeral == ephemeral {
			lines = append(lines, line.Message)
		}
	}
	return lines
}

// WaitForLine waits until a status line contains the text.
func (p *Plugin) WaitForLine(t testing.TB, text string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if strings.Contains(strings.Join(p.Lines(true), "\n"), text) {
			return
		}
	}
	t.Fatalf("no status line with %q within 30 s; there are %q", text, p.Lines(true))
}

// Props are properties of a resource.
type Props = map[string]any

// Secret marks a property.
func Secret(value any) *resource.Secret {
	return &resource.Secret{Element: resource.NewPropertyValue(value)}
}

// Resource is one resource under test.
type Resource struct {
	Plugin  *Plugin
	Type    string
	ID      string
	Inputs  resource.PropertyMap
	Outputs resource.PropertyMap
}

func (r *Resource) urn() string {
	return string(urn.New("stack", "project", "", tokens.Type(r.Type), "name"))
}

// Check gives the checked inputs, or what is wrong with them.
func (r *Resource) Check(t testing.TB, props Props) (resource.PropertyMap, []*rpc.CheckFailure) {
	t.Helper()
	response, err := r.Plugin.Check(t.Context(), &rpc.CheckRequest{
		Urn: r.urn(), Olds: marshal(t, r.Inputs), News: marshal(t, resource.NewPropertyMapFromMap(props)),
	})
	Must(t, err)
	return unmarshal(t, response.Inputs), response.Failures
}

// Create checks and creates, as an update does.
func (r *Resource) Create(t testing.TB, props Props) error {
	t.Helper()
	inputs, failures := r.Check(t, props)
	if len(failures) > 0 {
		t.Fatalf("check: %v", failures)
	}
	response, err := r.Plugin.Create(t.Context(), &rpc.CreateRequest{
		Urn: r.urn(), Name: "name", Type: r.Type, Properties: marshal(t, inputs),
	})
	if err != nil {
		return err
	}
	r.ID, r.Inputs, r.Outputs = response.Id, inputs, unmarshal(t, response.Properties)
	return nil
}

// Diff tells what new inputs would do.
func (r *Resource) Diff(t testing.TB, props Props) *rpc.DiffResponse {
	t.Helper()
	inputs, failures := r.Check(t, props)
	if len(failures) > 0 {
		t.Fatalf("check: %v", failures)
	}
	response, err := r.Plugin.Diff(t.Context(), &rpc.DiffRequest{
		Id: r.ID, Urn: r.urn(), Olds: marshal(t, r.Outputs), OldInputs: marshal(t, r.Inputs), News: marshal(t, inputs),
	})
	Must(t, err)
	return response
}

// Update takes over new inputs.
func (r *Resource) Update(t testing.TB, props Props) error {
	t.Helper()
	inputs, failures := r.Check(t, props)
	if len(failures) > 0 {
		t.Fatalf("check: %v", failures)
	}
	response, err := r.Plugin.Update(t.Context(), &rpc.UpdateRequest{
		Id: r.ID, Urn: r.urn(), Olds: marshal(t, r.Outputs), OldInputs: marshal(t, r.Inputs), News: marshal(t, inputs),
	})
	if err != nil {
		return err
	}
	r.Inputs, r.Outputs = inputs, unmarshal(t, response.Properties)
	return nil
}

// Delete deletes it.
func (r *Resource) Delete(t testing.TB) error {
	t.Helper()
	_, err := r.Plugin.Delete(t.Context(), &rpc.DeleteRequest{
		Id: r.ID, Urn: r.urn(), Properties: marshal(t, r.Outputs), OldInputs: marshal(t, r.Inputs),
	})
	return err
}

// Text is an output in clear; it fails when the output is no text, or its secrecy is not as said.
func (r *Resource) Text(t testing.TB, name string, secret bool) string {
	t.Helper()
	value := r.Outputs[resource.PropertyKey(name)]
	if value.IsSecret() != secret {
		t.Errorf("%s: secret is %v, want %v", name, value.IsSecret(), secret)
	}
	if value.IsSecret() {
		value = value.SecretValue().Element
	}
	if !value.IsString() {
		t.Fatalf("%s: no text: %v", name, value.TypeString())
	}
	return value.StringValue()
}

var options = plugin.MarshalOptions{KeepSecrets: true, KeepUnknowns: true}

func marshal(t testing.TB, props resource.PropertyMap) *structpb.Struct {
	t.Helper()
	marshalled, err := plugin.MarshalProperties(props, options)
	Must(t, err)
	return marshalled
}

func unmarshal(t testing.TB, props *structpb.Struct) resource.PropertyMap {
	t.Helper()
	unmarshalled, err := plugin.UnmarshalProperties(props, options)
	Must(t, err)
	return unmarshalled
}

// Must ends the test on an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
