"""A component resource for each part of the HA document's five steps, and for what goes with it.

1. database and messaging, both a shared_service, and rotation for their former users; 2. congress_host, and keystone
for its login; 4. datasource_node and fencing, before 3. policy_engines; 5. load_balancer.

`foundation` is what all of them stand on, `preflight` what is asked of the cloud beforehand, `inventory` which hosts
there are and what the stack tells about them.
"""
