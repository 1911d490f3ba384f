// Command pulumi-resource-openstack serves OpenStack's Terraform provider under the type tokens of the pulumi-openstack SDK.
package main

import (
	"context"

	tpo "github.com/terraform-provider-openstack/terraform-provider-openstack/v3/openstack"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

var version = "0.0.0"

func tok(mod, name string) tokens.Type {
	fn := string(name[0]|0x20) + name[1:]
	return tokens.Type("openstack:" + mod + "/" + fn + ":" + name)
}
func fun(mod, name string) tokens.ModuleMember {
	return tokens.ModuleMember("openstack:" + mod + "/" + name + ":" + name)
}

var resources = map[string]tokens.Type{
	"openstack_compute_instance_v2":                tok("compute", "Instance"),
	"openstack_compute_keypair_v2":                 tok("compute", "Keypair"),
	"openstack_compute_servergroup_v2":             tok("compute", "ServerGroup"),
	"openstack_compute_volume_attach_v2":           tok("compute", "VolumeAttach"),
	"openstack_blockstorage_volume_v3":             tok("blockstorage", "Volume"),
	"openstack_networking_network_v2":              tok("networking", "Network"),
	"openstack_networking_subnet_v2":               tok("networking", "Subnet"),
	"openstack_networking_router_v2":               tok("networking", "Router"),
	"openstack_networking_router_interface_v2":     tok("networking", "RouterInterface"),
	"openstack_networking_port_v2":                 tok("networking", "Port"),
	"openstack_networking_secgroup_v2":             tok("networking", "SecGroup"),
	"openstack_networking_secgroup_rule_v2":        tok("networking", "SecGroupRule"),
	"openstack_networking_floatingip_v2":           tok("networking", "FloatingIp"),
	"openstack_networking_floatingip_associate_v2": tok("networking", "FloatingIpAssociate"),
	"openstack_identity_service_v3":                tok("identity", "ServiceV3"),
	"openstack_identity_endpoint_v3":               tok("identity", "EndpointV3"),
	"openstack_identity_user_v3":                   tok("identity", "User"),
	"openstack_identity_project_v3":                tok("identity", "Project"),
	"openstack_identity_role_assignment_v3":        tok("identity", "RoleAssignment"),
	"openstack_identity_application_credential_v3": tok("identity", "ApplicationCredential"),
	"openstack_images_image_v2":                    tok("images", "Image"),
}

var functions = map[string]tokens.ModuleMember{
	"openstack_networking_network_v2":  fun("networking", "getNetwork"),
	"openstack_networking_subnet_v2":   fun("networking", "getSubnet"),
	"openstack_images_image_v2":        fun("images", "getImage"),
	"openstack_compute_flavor_v2":      fun("compute", "getFlavor"),
	"openstack_identity_auth_scope_v3": fun("identity", "getAuthScope"),
	"openstack_identity_role_v3":       fun("identity", "getRole"),
	"openstack_identity_project_v3":    fun("identity", "getProject"),
}

func info() tfbridge.ProviderInfo {
	p := tfbridge.ProviderInfo{P: shimv2.NewProvider(tpo.Provider()), Name: "openstack", Version: version,
		Resources: map[string]*tfbridge.ResourceInfo{}, DataSources: map[string]*tfbridge.DataSourceInfo{}}
	for k, t := range resources {
		p.Resources[k] = &tfbridge.ResourceInfo{Tok: t}
	}
	for k, t := range functions {
		p.DataSources[k] = &tfbridge.DataSourceInfo{Tok: t}
	}
	p.SetAutonaming(255, "-")
	return p
}

func main() {
	_ = context.Background()
	tfbridge.Main("openstack", version, info(), []byte(`{"name":"openstack","version":"5.5.1"}`))
}
