package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	rpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"congress-ha/toolchain/plugins/plugintest"
)

func TestMain(m *testing.M) { plugintest.Main(m, main) }

func TestEveryTypeIsOneOfTheProvider(t *testing.T) {
	info := provider()
	plugintest.Must(t, info.P.InternalValidate())
	for name := range resources {
		if _, found := info.P.ResourcesMap().GetOk(name); !found {
			t.Errorf("the provider has no resource %s", name)
		}
	}
	for name := range functions {
		if _, found := info.P.DataSourcesMap().GetOk(name); !found {
			t.Errorf("the provider has no data source %s", name)
		}
	}
}

// cloud is as much of Keystone and Nova as a key pair needs; it keeps the requests.
type cloud struct {
	*httptest.Server
	mutex    sync.Mutex
	requests []string
	keypairs map[string]map[string]any
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{keypairs: map[string]map[string]any{}}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	body, _ := io.ReadAll(r.Body)
	name := strings.TrimPrefix(r.URL.Path, "/compute/os-keypairs/")
	w.Header().Set("Content-Type", "application/json")
	answer := func(status int, value any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(value)
	}
	switch route := r.Method + " " + r.URL.Path; {
	case route == "POST /v3/auth/tokens":
		w.Header().Set("X-Subject-Token", "token")
		answer(http.StatusCreated, map[string]any{"token": map[string]any{
			"expires_at": "2999-01-01T00:00:00.000000Z",
			"catalog": []any{map[string]any{"type": "compute", "name": "nova", "endpoints": []any{map[string]any{
				"interface": "public", "region": "r", "region_id": "r", "url": c.URL + "/compute/",
			}}}},
		}})
	case r.Header.Get("X-Auth-Token") != "token":
		answer(http.StatusUnauthorized, map[string]any{})
	case route == "POST /compute/os-keypairs":
		var request struct{ Keypair map[string]any }
		_ = json.Unmarshal(body, &request)
		c.keypairs[request.Keypair["name"].(string)] = request.Keypair
		answer(http.StatusOK, request)
	case r.Method == http.MethodGet && c.keypairs[name] != nil:
		answer(http.StatusOK, map[string]any{"keypair": c.keypairs[name]})
	case r.Method == http.MethodDelete && c.keypairs[name] != nil:
		delete(c.keypairs, name)
		answer(http.StatusAccepted, nil)
	default:
		answer(http.StatusNotFound, map[string]any{"itemNotFound": map[string]any{"code": 404}})
	}
	c.requests = append(c.requests, r.Method+" "+r.URL.Path)
}

func TestKeypairThroughTheBridge(t *testing.T) {
	cloud := newCloud(t)
	plugin := plugintest.Start(t, "OS_CLOUD=", "OS_CLIENT_CONFIG_FILE=", "OS_AUTH_URL="+cloud.URL+"/v3",
		"OS_USERNAME=u", "OS_PASSWORD=p", "OS_PROJECT_NAME=p", "OS_DOMAIN_NAME=d", "OS_REGION_NAME=r")
	schema, err := plugin.GetSchema(t.Context(), &rpc.GetSchemaRequest{})
	plugintest.Must(t, err)
	if !strings.Contains(schema.Schema, `"openstack"`) {
		t.Errorf("schema %q", schema.Schema)
	}
	keypair := &plugintest.Resource{Plugin: plugin, Type: "openstack:compute/keypair:Keypair"}
	inputs := plugintest.Props{"publicKey": "ssh-ed25519 AAAA test"}
	plugintest.Must(t, keypair.Create(t, inputs))
	name := keypair.Text(t, "name", false)
	if !regexp.MustCompile(`^name-[0-9a-f]{7}$`).MatchString(name) || keypair.ID != name {
		t.Errorf("auto-named %q, id %q", name, keypair.ID)
	}
	if !keypair.Outputs["privateKey"].IsSecret() && !keypair.Outputs["privateKey"].IsNull() {
		t.Error("the private key is not secret")
	}
	if diff := keypair.Diff(t, inputs); diff.Changes == rpc.DiffResponse_DIFF_SOME {
		t.Errorf("unchanged inputs: %v", diff)
	}
	if diff := keypair.Diff(t, plugintest.Props{"publicKey": "ssh-ed25519 BBBB"}); len(diff.Replaces) == 0 {
		t.Errorf("another key must replace: %v", diff)
	}
	plugintest.Must(t, keypair.Delete(t))
	if len(cloud.keypairs) != 0 {
		t.Errorf("left behind: %v; requests: %v", cloud.keypairs, cloud.requests)
	}
}
