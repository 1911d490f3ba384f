"""Component resources for the five steps of the HA document, numbered as in its list.

1. database (with the schema) and messaging: shared_service is their common part, and rotation deletes former users.
2. congress_host (with the encryption key), and keystone (the login of the hosts, and the catalog after step 5).
3. policy_engines, after step 4.
4. datasource_node, and fencing of its hosts.
5. load_balancer.

`preflight` checks the cloud before anything is created. `foundation` has what all steps need: network, firewall, hosts
and the scripts that run on them. `inventory` lists the stack's hosts and exports its outputs.
"""
