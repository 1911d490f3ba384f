"""`congress-ha policy`: policies and datasources as code, checked and tested on this machine, without a cloud."""
