// Command pulumi-resource-openstack serves OpenStack's Terraform provider under the types of the
// pulumi-openstack SDK, as the official plugin does: on Pulumi's Terraform bridge. It maps the resources
// an OpenStack deployment of this project may need and serves no schema for code generation.
package main

import (
	"fmt"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/terraform-provider-openstack/terraform-provider-openstack/v3/openstack"
)

var version = "0.0.0" // set by the linker

// The longest name auto-naming makes; OpenStack's limit for most names.
const longestName = 255

func provider() tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P: shimv2.NewProvider(openstack.Provider()), Name: "openstack", Version: version,
		Resources:   map[string]*tfbridge.ResourceInfo{},
		DataSources: map[string]*tfbridge.DataSourceInfo{},
	}
	for name, token := range resources {
		info.Resources[name] = &tfbridge.ResourceInfo{Tok: token}
	}
	for name, token := range functions {
		info.DataSources[name] = &tfbridge.DataSourceInfo{Tok: token}
	}
	info.SetAutonaming(longestName, "-")
	return info
}

func main() {
	schema := fmt.Sprintf(`{"name":"openstack","version":%q}`, version)
	tfbridge.Main("openstack", version, provider(), []byte(schema))
}
