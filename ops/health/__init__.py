"""How a stack is: probes, the facts that their answers tell, the findings, and the table of `make status`."""
