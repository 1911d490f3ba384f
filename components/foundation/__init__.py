"""What all hosts and roles stand on: network, firewall, way in, authority, hosts, and the steps that run on them."""
