"""The health of a stack: `congress-ha status`.

status: the command. probes: the commands that hosts run. parsing, parsing_cluster: from their output to facts. facts:
what was observed. assessment, assessment_pair, disks: from facts to findings. finding: one line for the operator.
table: what the terminal and --json show.
"""
