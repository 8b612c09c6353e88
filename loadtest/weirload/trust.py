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


@dataclass(frozen=True)
class Doubt:
    """A reason, and the figures that it concerns: cost, rate, latency, memory."""

    about: frozenset
    reason: str


def doubts(scenario, rounds):
    """What is to be said against the figures of one front; its rounds have not failed."""
    found = []

    def say(reason, *about):
        found.append(Doubt(frozenset(about), reason))

    everything = ("cost", "rate", "latency", "memory")
    if len(rounds) < FEWEST:
        say(f"{len(rounds)} round{'s' if len(rounds) != 1 else ''} only", *everything)
    disturbed = sum(round.disturbed() for round in rounds)
    if disturbed:
        foreign = figures.median(round.foreign for round in rounds)
        stolen = figures.median(round.stolen for round in rounds)
        reason = f"{disturbed} of {len(rounds)} rounds were disturbed ({foreign:.2f} cores by other programs, {stolen:.2f} stolen)"
        say(reason, *everything)
    costs = [round.cost for round in rounds]
    if (spread := figures.spread(costs)) > WIDE:
        say(f"the middle half of the rounds is {spread:.0%} wide", "cost", "rate", "latency")
    if scenario.driver != "idle":
        found += of_load(scenario, rounds)
    return found


def of_load(scenario, rounds):
    """Whether the tools or the server were the limit, or dearer than what is measured."""
    found = []
    front, load = (figures.median(values) for values in zip(*((round.front_busy, round.load_busy) for round in rounds)))
    if scenario.rate:
        if any(round.short for round in rounds):
            found.append(Doubt(frozenset({"rate", "latency"}), f"{scenario.rate} a second were not reached"))
        if load > LOADED:
            found.append(Doubt(frozenset({"latency"}), f"the load's core was {load:.0%} busy"))
    elif load > FULL and front < FULL:
        reason = f"the load's core was the limit ({load:.0%} busy, the proxy's {front:.0%})"
        found.append(Doubt(frozenset({"rate", "latency"}), reason))
    server, cost = figures.median(round.server_us for round in rounds), figures.median(round.cost for round in rounds)
    if server >= cost:
        found.append(Doubt(frozenset({"rate", "latency"}), f"the server costs more ({server:.1f} us) than the proxy"))
    return found
