"""From what one core does to three nodes with 4 cores and 8 GB each. The reasons: README.md, "A cluster"."""

NODES = 3
CORES = 4
MEMORY_MIB = 8 * 1024
# The share of a core that Weir may plan with: the rest is the network card's, the control side's, and for bursts.
PLANNED = 0.7
# `[http] shed_memory`: from there on new work is refused.
SHED = 0.75
# What is there before the first stream.
BASE_MIB = 64
# What the kernel keeps for the two sockets of a stream: it is not resident memory of ours, and counts all the same.
KERNEL_KIB = 9

TIMED = {
    "call-64": "calls a second, plain HTTP/1.1",
    "call-tls": "calls a second, HTTP/1.1 over TLS 1.3",
    "call-h2": "calls a second, HTTP/2 over TLS 1.3",
    "stream": "answers of 4 events a second",
    "connect-tls": "new TLS connections with a call, a second",
}
KEPT = {"idle": "idle streams, plain", "idle-tls": "idle streams, TLS to the client"}


def arithmetic(rows):
    """Lines of Markdown, from the rows of Weir that are there; none without them."""
    costs = {row["scenario"]: row["cost"] for row in rows if row["front"] == "weir" and "failed" not in row}
    # What one request costs more where several cores are at work; never less, which would be chance.
    dearer = max([1.0, *(row["beside"] for row in rows if row["scenario"] == "cores-2" and "beside" in row)])
    lines = [of_time(says, costs[name], dearer) for name, says in TIMED.items() if costs.get(name, 0) > 0]
    lines += [of_memory(says, costs[name]) for name, says in KEPT.items() if costs.get(name, 0) > 0]
    if not lines:
        return []
    head = (
        f"{NODES} nodes of {CORES} cores and {MEMORY_MIB // 1024} GB, each kind of work alone; "
        f"{PLANNED:.0%} of a core's time and {SHED:.0%} of the memory are planned with."
    )
    if dearer > 1:
        head += f" With several cores a request costs {dearer:.2f} times that with one (`cores-2`)."
    table = ["| what | one core | a node | three nodes | while one is lost |", "| --- | ---: | ---: | ---: | ---: |"]
    return ["### A cluster", "", head, "", *table, *lines]


def of_time(says, microseconds, dearer):
    core = 1e6 / microseconds
    return line(f"{says} ({microseconds:.1f} us)", core, core * CORES * PLANNED / dearer)


def of_memory(says, kib):
    node = (MEMORY_MIB * SHED - BASE_MIB) * 1024 / (kib + KERNEL_KIB)
    return line(f"{says} ({kib:.1f} KiB, the kernel's {KERNEL_KIB})", None, node)


def line(says, core, node):
    figures = (core, node, node * NODES, node * (NODES - 1))
    return f"| {says} | " + " | ".join("" if figure is None else f"{rounded(figure):,}" for figure in figures) + " |"


def rounded(value):
    """Two figures are all that is known."""
    step = 10 ** max(0, len(str(int(value))) - 2)
    return int(value) // step * step
