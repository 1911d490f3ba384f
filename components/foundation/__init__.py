"""What all roles need: network, firewall, SSH access, certificate authority, hosts, and the steps that run on them."""
