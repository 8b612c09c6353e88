"""The comparison, module by module, in the order of a run.

command    options, and the run from its first line to its last
packages   the public programs that it takes, and how to get them
machine    what this machine is, and what its cores did
places     a free port, a directory, a core for each program
processes  programs that are started, read and ended by their pid
messages   the MCP requests that are sent
scenarios  what is measured: a list of plain data
servers    the sample server
fronts     nginx, HAProxy, Weir: their configuration, and a lab that starts them
probe      the server's own answer, to the byte, or nothing is measured
drivers    which tool drives which kind of scenario: wrk, h2load, and two small clients of our own
rounds     turns A B A B, what a round cost, and rounds that have to be repeated
trust      which figures are not to be believed, and why
figures    medians, ratios
report     the table, the raw figures, RESULTS.md
cluster    from one core to a cluster
"""
