"""The table, the raw figures, and the page that keeps them."""

import json
from pathlib import Path

from . import cluster, figures, trust
from .fronts import FRONTS

# Those that the others are divided by.
BASES = ("nginx", "haproxy")
NEWEST, OLDER = "<!-- The newest run: written by loadtest/compare. -->", "<!-- Older runs, by hand. -->"


def rows(measured):
    """The lines of the table for one scenario, and what its notes say."""
    found = []
    for name in dict.fromkeys(name for turn in measured.turns for name in turn):
        all_rounds = measured.of(name)
        failed = next((round.failed for round in all_rounds if round.failed), "")
        row = {"scenario": measured.scenario.name, "front": name}
        found.append(row | ({"failed": failed} if failed else summary(measured, name, all_rounds)))
    compare(measured, found)
    return found


def summary(measured, name, rounds):
    """Medians of all rounds, the ratios to the bases, and the doubts."""
    scenario = measured.scenario

    def middle(pick):
        values = [pick(round) for round in rounds]
        return None if any(value is None for value in values) else figures.median(values)

    costs = [round.cost for round in rounds]
    row = {
        "unit": "KiB a stream" if scenario.driver == "idle" else "us of CPU",
        "cost": middle(lambda round: round.cost),
        "least": min(costs),
        "most": max(costs),
        "rate": middle(lambda round: round.rate),
        "p50_us": middle(lambda round: round.p50_us),
        "p99_us": middle(lambda round: round.p99_us),
        "memory_kib": middle(lambda round: round.memory_kib),
        "server_us": middle(lambda round: round.server_us),
        "streams": rounds[0].extra.get("streams"),
        "rounds": len(rounds),
        "doubts": [{"about": sorted(doubt.about), "reason": doubt.reason} for doubt in trust.doubts(scenario, rounds)],
    }
    for base in BASES:
        others = [turn.get(base) for turn in measured.turns]
        if any(other is None or other.failed for other in others):
            continue
        row[f"cost/{base}"] = figures.paired(costs, [other.cost for other in others])
        if row["rate"] is not None and not scenario.rate:
            row[f"rate/{base}"] = figures.paired([round.rate for round in rounds], [other.rate for other in others])
    return row


def compare(measured, found):
    """The ratio of a front to another one, where the scenario asks for it."""
    if not measured.scenario.beside:
        return
    name, base, bound = measured.scenario.beside
    by_name = {row["front"]: row for row in found if "failed" not in row}
    if name in by_name and base in by_name:
        ratio = figures.paired(*([round.cost for round in measured.of(each)] for each in (name, base)))
        verdict = "within" if ratio <= bound else "ABOVE"
        by_name[name]["beside"] = {"base": base, "ratio": ratio, "bound": bound}
        by_name[name]["says"] = f"{ratio:.2f} times {base}, {verdict} the bound of {bound:g}"


COLUMNS = (
    "scenario", "proxy", "CPU us / req", "least..most", "/nginx", "/haproxy", "req/s", "/nginx", "/haproxy",
    "p50 us", "p99 us", "memory MiB", "server us", "",
)  # fmt: skip


def table(all_rows):
    """The rows as Markdown that reads as text, too. What is doubted has a question mark; a failed row has no figure."""
    notes, lines = [], []
    for row in all_rows:
        if "failed" in row:
            lines.append([row["scenario"], row["front"], "no figure", *[""] * 10, note(notes, row["failed"])])
            continue
        doubted = {what for doubt in row["doubts"] for what in doubt["about"]}

        def figure(value, what, form="{:.1f}", doubted=doubted):
            return "" if value is None else form.format(value) + ("?" if what in doubted else "")

        unit = " KiB a stream" if row["unit"].startswith("KiB") else ""
        marks = [note(notes, doubt["reason"]) for doubt in row["doubts"]]
        marks += [note(notes, row["says"])] if "says" in row else []
        marks += [note(notes, f"{row['streams']} streams")] if row["streams"] else []
        lines.append([
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
            " ".join(marks),
        ])  # fmt: skip
    return "\n".join([aligned(lines), "", *(f"[{number}] {text}" for number, text in enumerate(notes, 1))]).rstrip()


def note(notes, text):
    text = " ".join(text.split())[:400]
    if text not in notes:
        notes.append(text)
    return f"[{notes.index(text) + 1}]"


def aligned(lines):
    cells = [list(COLUMNS), *lines]
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]

    def line(values):
        texts = [value.ljust(width) if at < 2 else value.rjust(width) for at, (value, width) in enumerate(zip(values, widths))]
        return "| " + " | ".join(texts) + " |"

    rule = "|" + "|".join("-" * (width + 2) if at < 2 else "-" * (width + 1) + ":" for at, width in enumerate(widths)) + "|"
    return "\n".join([line(cells[0]), rule, *map(line, cells[1:])])


def page(about, all_rows):
    """The newest run as a section of RESULTS.md."""
    machine, versions = about["machine"], about["versions"]
    names = dict.fromkeys(row["front"] for row in all_rows)
    lines = [
        f"## {about['date']}",
        "",
        f"`{about['command']}`, {about['seconds']} s a round, {about['rounds']} rounds of each.",
        "",
        f"- Machine: {machine['cpu']}, {machine['cores']} cores, {machine['memory_mib'] // 1024} GiB, kernel {machine['kernel']}. "
        f"The proxy on core {machine['proxy_core']}, the load on {machine['load_core']}, the server on {machine['server_core']}.",
        f"- Versions: {'; '.join(versions.values())}.",
        *(f"- {name}: {FRONTS[name].says}." for name in names),
        "",
        table(all_rows).replace("\n[", "\n- ["),
        "",
        *cluster.arithmetic(all_rows),
    ]
    return "\n".join(lines).rstrip() + "\n"


def write(directory, about, all_measured, all_rows):
    """The raw figures as JSON, and the table in the place of the one that was the newest."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    raw = about | {"scenarios": [measured.raw() for measured in all_measured], "rows": all_rows}
    (directory / "results.json").write_text(json.dumps(raw, indent=1) + "\n")
    file = directory / "RESULTS.md"
    text = file.read_text() if file.exists() else f"# Results\n\n{NEWEST}\n\n{OLDER}\n"
    before, _, rest = text.partition(NEWEST)
    _, _, after = rest.partition(OLDER)
    file.write_text(f"{before}{NEWEST}\n\n{page(about, all_rows)}\n{OLDER}{after}")
    return file
