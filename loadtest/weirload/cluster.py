"""From what one core does to a cluster of three nodes with 4 cores and 8 GB each. The reasons: README.md, "A cluster"."""

NODES = 3
CORES = 4
MEMORY_MIB = 8 * 1024
# The share of a core that Weir may plan with: the rest is the network card's, the control side's, and for bursts.
PLANNED = 0.7
# `[http] shed_memory`: from there on new work is refused.
SHED = 0.75
# What is there before the first stream.
BASE_MIB = 64


def arithmetic(rows):
    """Lines of Markdown, from the rows of Weir that are there; none without them."""
    weir = {row["scenario"]: row for row in rows if row["front"] == "weir" and "failed" not in row}
    lines = []
    for scenario, says in (
        ("call-64", "calls a second, plain HTTP"),
        ("call-tls", "calls a second, TLS 1.3"),
        ("connect-tls", "full TLS handshakes with a call a second"),
        ("stream", "streams of 4 events a second"),
    ):
        if scenario in weir:
            lines.append(of_time(says, weir[scenario]["cost"]))
    for scenario, says in (("idle", "idle streams, plain"), ("idle-tls", "idle streams, TLS to the client")):
        if scenario in weir and weir[scenario]["cost"] > 0:
            lines.append(of_memory(says, weir[scenario]["cost"]))
    if not lines:
        return []
    head = f"{NODES} nodes of {CORES} cores and {MEMORY_MIB // 1024} GB, {PLANNED:.0%} of each core and {SHED:.0%} of the memory planned with:"
    table = ["| what | one core / one node | a node | three nodes | with one node lost |", "| --- | ---: | ---: | ---: | ---: |"]
    return ["### A cluster", "", head, "", *table, *lines]


def of_time(says, microseconds):
    core = 1e6 / microseconds
    node = core * CORES * PLANNED
    return line(f"{says} ({microseconds:.1f} us each)", core, node)


def of_memory(says, kib):
    node = (MEMORY_MIB * SHED - BASE_MIB) * 1024 / kib
    return line(f"{says} ({kib:.1f} KiB each)", node, node)


def line(says, one, node):
    figures = (one, node, node * NODES, node * (NODES - 1))
    return f"| {says} | " + " | ".join(f"{rounded(figure):,}" for figure in figures) + " |"


def rounded(value):
    """Two figures that count are all that is known."""
    step = 10 ** max(0, len(str(int(value))) - 2)
    return int(value) // step * step
