"""The comparison, module by module, in the order of a run.

command    options, and the run from its first line to its last
packages   the public programs that it takes, and how to get them
machine    what this machine is, and what its cores did
places     a free port, a directory, a core for each program
processes  programs that are started, read and ended by their pid
messages   the MCP requests that are sent
scenarios  what is measured: a list of plain data
servers    the sample server
fronts     what stands before it: nginx, HAProxy, Weir; their texts are in configurations.py
lab        what runs for one scenario
probe      the server's own answer, to the byte, or nothing is measured
drivers    the tools: wrk, h2load, and a client of our own for handshakes; streams.py is for those that are idle
growth     a mixture of requests, and the memory that is held after some and after many
one_round  one front, driven once: what it cost, and what disturbed it
rounds     turns A B A B, and those that have to be taken again
trust      which figures are not to be believed, and why
figures    medians, ratios
report     the table, the raw figures, RESULTS.md
cluster    from one core to a cluster

safety     another command, loadtest/safety: instructions of each check, by callgrind
"""
