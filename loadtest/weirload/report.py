"""The table, the raw figures, and the page that keeps them."""

import json
from dataclasses import asdict
from pathlib import Path

from . import cluster, figures, trust
from .fronts import FRONTS

# Those that the others are divided by.
BASES = ("nginx", "haproxy")
UNITS = {"idle": "KiB a stream", "growth": "% of memory"}
NEWEST, OLDER = "<!-- The newest run: written by loadtest/compare. -->", "<!-- Older runs, by hand. -->"


def rows_of(measured):
    """The lines of the table for one scenario, and what its notes say."""
    found = []
    for name in dict.fromkeys(name for turn in measured.turns for name in turn):
        rounds = measured.of(name)
        failed = next((took.failed for took in rounds if took.failed), "")
        row = {"scenario": measured.scenario.name, "front": name}
        found.append(row | ({"failed": failed} if failed else summary(measured, name, rounds)))
    compare(measured, found)
    return found


def summary(measured, name, rounds):
    """Medians of all rounds, the ratios to the bases, and the doubts."""
    scenario = measured.scenario

    def middle(pick):
        values = [pick(took) for took in rounds]
        return None if any(value is None for value in values) else figures.median(values)

    costs = [took.cost for took in rounds]
    row = {
        "unit": UNITS.get(scenario.driver, "us of CPU"),
        "cost": middle(lambda took: took.cost),
        "least": min(costs),
        "most": max(costs),
        "rate": middle(lambda took: took.rate),
        "p50_us": middle(lambda took: took.p50_us),
        "p99_us": middle(lambda took: took.p99_us),
        "memory_kib": middle(lambda took: took.memory_kib),
        "server_us": middle(lambda took: took.server_us),
        "streams": rounds[0].extra.get("streams"),
        "after_kib": middle(lambda took: took.extra.get("after_kib")),
        "rounds": len(rounds),
        "doubts": [asdict(doubt) for doubt in trust.doubts(scenario, rounds)],
    }
    if spreads := [took.extra["core_seconds"] for took in rounds if "core_seconds" in took.extra]:
        row["busiest_core"] = figures.median([figures.busiest(seconds) for seconds in spreads])
    if scenario.driver == "growth":
        row["first_kib"] = middle(lambda took: took.extra["first_kib"])
        return row
    for base in BASES:
        others = [turn.get(base) for turn in measured.turns]
        if any(other is None or other.failed for other in others):
            continue
        row[f"cost/{base}"] = figures.paired(costs, [other.cost for other in others])
        if row["rate"] is not None and not scenario.rate:
            row[f"rate/{base}"] = figures.paired([took.rate for took in rounds], [other.rate for other in others])
    return row


def compare(measured, found):
    """What the scenario says of one front beside another."""
    by_name = {row["front"]: row for row in found if "failed" not in row}
    if measured.scenario.beside:
        name, base, bound = measured.scenario.beside
        if name in by_name and base in by_name:
            ratio = figures.paired(*([took.cost for took in measured.of(each)] for each in (name, base)))
            verdict = "" if bound is None else f", {'within' if ratio <= bound else 'ABOVE'} {bound:g} x"
            by_name[name] |= {"beside": ratio, "says": f"{ratio:.2f} x {base}{verdict}"}
    for row in by_name.values():
        if "busiest_core" in row:
            spread = f"the busiest core {row['busiest_core']:.2f} x an even share"
            row["says"] = ", ".join(filter(None, [row.get("says"), spread]))
        if "first_kib" in row:
            row["says"] = f"{row['first_kib'] / 1024:.1f} MiB before"
    if "direct" in by_name:
        for name, row in by_name.items():
            if name != "direct":
                row["added_us"] = row["p50_us"] - by_name["direct"]["p50_us"]
                row["says"] = f"{row['added_us']:+.0f} us on direct"
                nginx = by_name.get("nginx", {}).get("added_us")
                if name != "nginx" and nginx:
                    row["says"] += f", {row['added_us'] / nginx:.2f} x nginx"


COLUMNS = (
    "scenario", "proxy", "CPU us/req", "least..most", "CPU/nginx", "CPU/haproxy", "req/s", "rate/nginx", "rate/haproxy",
    "p50 us", "p99 us", "memory MiB", "server us", "notes",
)  # fmt: skip
TEXTS = (0, 1, len(COLUMNS) - 1)


def table(rows):
    """The rows as Markdown that reads as text, too. What is doubted has a question mark; a failed row has no figure."""
    marks = {doubt["mark"] for row in rows for doubt in row.get("doubts", ())}
    legend = [f"- {mark}: {meaning}" for mark, meaning in trust.MARKS.items() if mark in marks]
    failed = [row for row in rows if "failed" in row]
    failed = [f"- {row['scenario']}, {row['front']}: {' '.join(row['failed'].split())[:500]}" for row in failed]
    return "\n".join([aligned([line(row) for row in rows]), *([""] if legend or failed else []), *legend, *failed])


def line(row):
    """The cells of a row."""
    if "failed" in row:
        return [row["scenario"], row["front"], "no figure", *[""] * 10, "failed"]
    doubted = {what for doubt in row["doubts"] for what in doubt["about"]}

    def figure(value, what, form="{:.1f}"):
        return "" if value is None else form.format(value) + ("?" if what in doubted else "")

    unit = {"KiB a stream": " KiB", "% of memory": " %"}.get(row["unit"], "")
    notes = [doubt["mark"] for doubt in row["doubts"]] + ([row["says"]] if "says" in row else [])
    notes += [f"{row['streams']} streams"] if row["streams"] else []
    notes += [f"{row['after_kib'] / 1024:.1f} MiB once they have gone"] if row["after_kib"] else []
    return [
        row["scenario"],
        row["front"],
        figure(row["cost"], "cost") + unit,
        f"{row['least']:.1f}..{row['most']:.1f}",
        *(figure(row.get(f"cost/{base}"), "cost", "{:.2f}") for base in BASES),
        figure(row["rate"], "rate", "{:.0f}"),
        *(figure(row.get(f"rate/{base}"), "rate", "{:.2f}") for base in BASES),
        figure(row["p50_us"], "latency", "{:.0f}"),
        figure(row["p99_us"], "latency", "{:.0f}"),
        figure(row["memory_kib"] and row["memory_kib"] / 1024, "memory"),
        figure(row["server_us"], ""),
        ", ".join(notes),
    ]


def aligned(lines):
    cells = [list(COLUMNS), *lines]
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]

    def padded(values):
        pairs = enumerate(zip(values, widths))
        texts = (text.ljust(wide) if at in TEXTS else text.rjust(wide) for at, (text, wide) in pairs)
        return f"| {' | '.join(texts)} |"

    rule = "|".join("-" * (wide + 2) if at in TEXTS else "-" * (wide + 1) + ":" for at, wide in enumerate(widths))
    return "\n".join([padded(cells[0]), f"|{rule}|", *map(padded, cells[1:])])


def page(about, rows):
    """The newest run as a section of RESULTS.md."""
    machine, versions = about["machine"], about["versions"]
    names = dict.fromkeys(row["front"] for row in rows)
    lines = [
        f"## {about['date']}",
        "",
        f"`{about['command']}`, {about['seconds']} s a round, {about['rounds']} rounds of each.",
        "",
        f"- Machine: {machine['cpu']}, {machine['cores']} cores, {machine['memory_mib'] // 1024} GiB, "
        f"kernel {machine['kernel']}. The proxy on core {machine['proxy_core']}, the load on {machine['load_core']}, "
        f"the server on {machine['server_core']}.",
        f"- Versions: {'; '.join(versions.values())}.",
        *(f"- {name}: {FRONTS[name].says}." for name in names),
        "",
        table(rows),
        "",
        *cluster.arithmetic(rows),
    ]
    return "\n".join(lines).rstrip() + "\n"


def in_lines(raw):
    """JSON with a line for each scenario and each row."""

    def text(value):
        if isinstance(value, list):
            return "[\n" + ",\n".join(json.dumps(each) for each in value) + "\n]"
        return json.dumps(value)

    return "{\n" + ",\n".join(f"{json.dumps(key)}: {text(value)}" for key, value in raw.items()) + "\n}\n"


def write(directory, about, all_measured, rows):
    """The raw figures as JSON, and the table in the place of the one that was the newest."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    raw = about | {"scenarios": [measured.raw() for measured in all_measured], "rows": rows}
    (directory / "results.json").write_text(in_lines(raw))
    file = directory / "RESULTS.md"
    text = file.read_text() if file.exists() else f"# Results\n\n{NEWEST}\n\n{OLDER}\n"
    before, _, rest = text.partition(NEWEST)
    _, _, after = rest.partition(OLDER)
    file.write_text(f"{before}{NEWEST}\n\n{page(about, rows)}\n{OLDER}{after}")
    return file
