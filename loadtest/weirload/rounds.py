"""Turns: each front is driven for a round, one after the other, again and again."""

from dataclasses import asdict, dataclass

from . import one_round
from .lab import Lab


@dataclass
class Measured:
    """A scenario when all its rounds are over."""

    scenario: object
    turns: list
    thrown: list

    def of(self, front):
        return [turn[front] for turn in self.turns if front in turn]

    def raw(self):
        def short(value):
            return round(value, 3) if isinstance(value, float) else value

        def plain(turn):
            return {name: {key: short(value) for key, value in asdict(took).items()} for name, took in turn.items()}

        return {
            "name": self.scenario.name,
            "says": self.scenario.says,
            "turns": [plain(turn) for turn in self.turns],
            "thrown": [plain(turn) for turn in self.thrown],
        }


def measure(scenario, names, run):
    """All rounds of a scenario."""
    if scenario.keeps_memory():
        once = one_round.idle if scenario.driver == "idle" else one_round.grown
        with Lab(scenario, [], run) as lab:
            return take_turns(scenario, names, lambda name: once(scenario, name, lab, run), run)
    with Lab(scenario, names, run) as lab:
        prepared = {name: one_round.ready(scenario, front, lab, run) for name, front in lab.fronts.items()}

        def once(name):
            if name in lab.broken:
                return one_round.Round(name, failed=lab.broken[name])
            if isinstance(prepared[name], one_round.Round):
                return prepared[name]
            return one_round.driven(scenario, lab.fronts[name], prepared[name], lab, run)

        return take_turns(scenario, names, once, run)


def take_turns(scenario, names, once, run):
    """A turn that other programs disturbed is thrown away and taken again, as often as there are rounds.

    Memory is the same on a busy machine: turns of idle streams and of growth stay, and a few are enough. A front with a
    failed request has no figure: it is not driven any further.
    """
    rounds, spare = (min(run.rounds, 3), 0) if scenario.keeps_memory() else (run.rounds, run.repeats)
    turns, thrown, failed = [], [], {}
    while len(turns) < rounds:
        repeated = f", {len(thrown)} repeated" if thrown else ""
        run.say(f"{scenario.name}: round {len(turns) + 1} of {rounds}{repeated}")
        turn = dict(failed)
        for name in names:
            if name not in failed:
                turn[name] = once(name)
                if turn[name].failed:
                    failed[name] = turn[name]
        if spare and any(took.disturbed() for took in turn.values()):
            spare -= 1
            thrown.append(turn)
            continue
        turns.append(turn)
        if len(failed) == len(names):
            break
    return Measured(scenario, turns, thrown)
