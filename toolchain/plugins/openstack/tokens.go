package main

import (
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// Terraform's names and the types of the pulumi-openstack SDK.
var resources = map[string]tokens.Type{
	"openstack_blockstorage_volume_v3":             resource("blockstorage", "Volume"),
	"openstack_compute_instance_v2":                resource("compute", "Instance"),
	"openstack_compute_keypair_v2":                 resource("compute", "Keypair"),
	"openstack_compute_servergroup_v2":             resource("compute", "ServerGroup"),
	"openstack_compute_volume_attach_v2":           resource("compute", "VolumeAttach"),
	"openstack_identity_application_credential_v3": resource("identity", "ApplicationCredential"),
	"openstack_identity_endpoint_v3":               resource("identity", "EndpointV3"),
	"openstack_identity_project_v3":                resource("identity", "Project"),
	"openstack_identity_role_assignment_v3":        resource("identity", "RoleAssignment"),
	"openstack_identity_service_v3":                resource("identity", "ServiceV3"),
	"openstack_identity_user_v3":                   resource("identity", "User"),
	"openstack_images_image_v2":                    resource("images", "Image"),
	"openstack_networking_floatingip_associate_v2": resource("networking", "FloatingIpAssociate"),
	"openstack_networking_floatingip_v2":           resource("networking", "FloatingIp"),
	"openstack_networking_network_v2":              resource("networking", "Network"),
	"openstack_networking_port_v2":                 resource("networking", "Port"),
	"openstack_networking_router_interface_v2":     resource("networking", "RouterInterface"),
	"openstack_networking_router_v2":               resource("networking", "Router"),
	"openstack_networking_secgroup_rule_v2":        resource("networking", "SecGroupRule"),
	"openstack_networking_secgroup_v2":             resource("networking", "SecGroup"),
	"openstack_networking_subnet_v2":               resource("networking", "Subnet"),
}

var functions = map[string]tokens.ModuleMember{
	"openstack_compute_flavor_v2":      function("compute", "getFlavor"),
	"openstack_identity_auth_scope_v3": function("identity", "getAuthScope"),
	"openstack_identity_project_v3":    function("identity", "getProject"),
	"openstack_identity_role_v3":       function("identity", "getRole"),
	"openstack_images_image_v2":        function("images", "getImage"),
	"openstack_networking_network_v2":  function("networking", "getNetwork"),
	"openstack_networking_subnet_v2":   function("networking", "getSubnet"),
}

func resource(module, name string) tokens.Type {
	return tokens.Type("openstack:" + module + "/" + strings.ToLower(name[:1]) + name[1:] + ":" + name)
}

func function(module, name string) tokens.ModuleMember {
	return tokens.ModuleMember("openstack:" + module + "/" + name + ":" + name)
}
