"""Medians, percentiles, ratios: plain arithmetic."""

import statistics


def median(values):
    return statistics.median(values)


def percentile(ordered, share):
    """The value below which `share` of them lie; `ordered` from the least to the most."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def uncoordinated(latencies, interval):
    """Adds what a client would have seen that sends every `interval`, whatever the answer before took.

    An answer that took longer held up those behind it, which would have waited for the rest of that time.
    """
    added = []
    for latency in latencies:
        rest = latency - interval
        while rest > 0:
            added.append(rest)
            rest -= interval
    return sorted(list(latencies) + added)


def spread(values):
    """How far apart the middle half of the values lies, as a share of their median."""
    if len(values) < 3:
        return 0.0
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / middle if middle else 0.0


def busiest(shares):
    """How much the largest of several shares is of an even one: 1 where all have as much."""
    return max(shares) * len(shares) / sum(shares) if sum(shares) else 1.0


def paired(values, others):
    """The median of the ratios of two that took turns: what drifts hits both of a pair."""
    ratios = [value / other for value, other in zip(values, others) if value is not None and other]
    return median(ratios) if ratios else None
