"""Which figures are not to be believed, and why: they are marked, and the reason stands beside them."""

from dataclasses import dataclass

from . import figures

# How busy a core may be before it is what limits.
FULL = 0.97
# Above this, what drives adds to the latency that it measures.
LOADED = 0.85
# How far apart the middle half of the rounds may lie.
WIDE = 0.10
FEWEST = 3

# What the marks of the table mean.
MARKS = {
    "few": f"fewer than {FEWEST} rounds: it shows that it works, and no more",
    "disturbed": "other programs or other machines took time from the cores, however often the round was repeated",
    "wide": f"the middle half of the rounds is more than {WIDE:.0%} wide",
    "load": "the core of the load and the server was the limit, not the proxy's",
    "slow": "the rate that was asked for was not reached",
    "server": "the server costs more than the proxy, so the rate is not the proxy's",
}


@dataclass(frozen=True)
class Doubt:
    """A mark, the figures that it concerns (cost, rate, latency, memory), and what was seen."""

    mark: str
    about: tuple
    seen: str


def doubts(scenario, rounds):
    """What is to be said against the figures of one front; its rounds have not failed."""
    found = []
    if len(rounds) < FEWEST:
        found.append(Doubt("few", ("cost", "rate", "latency", "memory"), f"{len(rounds)} rounds"))
    disturbed = [took for took in rounds if took.disturbed()]
    if disturbed and not scenario.keeps_memory():
        foreign, stolen = (max(getattr(took, what) for took in disturbed) for what in ("foreign", "stolen"))
        seen = f"{len(disturbed)} of {len(rounds)} rounds, up to {foreign:.2f} cores by others, {stolen:.2f} stolen"
        found.append(Doubt("disturbed", ("cost", "rate", "latency"), seen))
    # Growth is a difference: near nothing, its middle half may be as wide as it is.
    spread = 0 if scenario.driver == "growth" else figures.spread([took.cost for took in rounds])
    if spread > WIDE:
        found.append(Doubt("wide", ("cost", "rate", "latency"), f"{spread:.0%}"))
    return found if scenario.keeps_memory() else found + of_load(scenario, rounds)


def of_load(scenario, rounds):
    """Whether the tools or the server were the limit."""
    found = []

    def middle(what):
        return figures.median([getattr(took, what) for took in rounds])

    front, load, cost = (middle(what) for what in ("front_busy", "load_busy", "cost"))
    busy = f"{load:.0%} busy, the proxy's {front:.0%}"
    if scenario.rate:
        if any(took.short for took in rounds):
            found.append(Doubt("slow", ("rate", "latency"), f"{middle('rate'):.0f} of {scenario.rate} a second"))
        if load > LOADED:
            found.append(Doubt("load", ("latency",), busy))
        return found
    if load > FULL > front:
        found.append(Doubt("load", ("rate", "latency"), busy))
    served = [took.server_us for took in rounds if took.server_us is not None]
    if served and (server := figures.median(served)) >= cost:
        found.append(Doubt("server", ("rate", "latency"), f"{server:.1f} us of {cost:.1f}"))
    return found
