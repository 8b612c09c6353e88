"""What of the comparison can go wrong without a proxy: reading the tools, arithmetic, doubts, answers that differ."""

import http.server
import json
import os
import re
import tempfile
import threading
import unittest
from pathlib import Path

from . import cluster, command, drivers, figures, fronts, growth, messages, one_round
from . import places, probe, processes, report, rounds, safety, scenarios, trust

WRK = 'RESULT {"requests":100,"microseconds":1000000,"bytes":%d,"refused":%d,"broken":%d,"p50":10,"p99":20}\n'
H2LOAD = """
requests: %d total, 110 started, %d done, %d succeeded, 0 failed, 0 errored, 0 timeout
status codes: %d 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 1.00KB (1024) total, 500B (500) headers (space savings 51.02%%), 1.46KB (%d) data
"""
ANSWER = probe.Answer(200, {"content-type": "application/json"}, b"x" * 15, 150)
CALL = scenarios.named(["call-64"])[0]


def took(front="weir", **other):
    usual = dict(cost=10.0, rate=1000.0, p50_us=50, p99_us=90, memory_kib=2048, server_us=5.0, front_busy=1.0)
    return one_round.Round(front, **(usual | other))


def marks(scenario=CALL, **other):
    return [doubt.mark for doubt in trust.doubts(scenario, [took(**other) for _ in range(5)])]


class Tools(unittest.TestCase):
    def test_wrk_counts_what_failed(self):
        def read(size, refused=0, broken=0):
            return drivers.read_wrk(WRK % (size, refused, broken), 0.0, 4, ANSWER)

        self.assertEqual((read(15_000).failed, read(15_000).requests), ("", 100))
        # Those under way at the end were read in part.
        self.assertEqual(read(15_600).failed, "")
        for wrong in (read(14_999), read(15_601), read(15_000, refused=1), read(15_000, broken=1)):
            self.assertTrue(wrong.failed)
        with self.assertRaises(processes.Failure):
            drivers.read_wrk("unable to connect\n", 0.0, 4, ANSWER)

    def test_h2load_counts_what_failed(self):
        def read(total=100, done=100, succeeded=100, good=100, size=1500):
            return drivers.read_h2load(H2LOAD % (total, done, succeeded, good, size), 0.0, CALL, ANSWER, 1.0).failed

        self.assertEqual(read(), "")
        for wrong in (read(total=101), read(succeeded=99), read(good=99), read(size=1499)):
            self.assertTrue(wrong)

    def test_a_rate_that_is_not_reached_is_short(self):
        fixed = scenarios.named(["call-5000"])[0]
        slow, enough = (H2LOAD % (done, done, done, done, 15 * done) for done in (4000, 4990))
        self.assertTrue(drivers.read_h2load(slow, 0.0, fixed, ANSWER, 1.0).short)
        self.assertFalse(drivers.read_h2load(enough, 0.0, fixed, ANSWER, 1.0).short)


class Figures(unittest.TestCase):
    def test_the_wait_behind_a_late_answer_counts(self):
        self.assertEqual(figures.uncoordinated([10, 350], 100), [10, 50, 150, 250, 350])

    def test_percentiles_are_values_that_were_seen(self):
        values = list(range(1, 101))
        self.assertEqual([figures.percentile(values, share) for share in (0.5, 0.99, 1.0)], [51, 100, 100])

    def test_ratios_are_taken_within_a_turn(self):
        # Both have become twice as slow in the last turn; the ratio has not changed.
        self.assertEqual(figures.paired([10, 10, 20], [20, 20, 40]), 0.5)

    def test_a_share_is_measured_by_an_even_one(self):
        shares = [figures.busiest(seconds) for seconds in ([1, 1], [3, 1], [2, 0], [0, 0], [1, 1, 4])]
        self.assertEqual(shares, [1, 1.5, 2, 1, 2])

    def test_two_figures_are_all_that_a_cluster_has(self):
        self.assertEqual([cluster.rounded(value) for value in (123_456, 99.9, 7)], [120_000, 99, 7])
        lines = cluster.arithmetic([{"scenario": "call-64", "front": "weir", "cost": 20.0}])
        self.assertIn("| 50,000 | 140,000 | 420,000 | 280,000 |", lines[-1])

    def test_what_a_second_core_costs_is_taken_off_and_nothing_is_added(self):
        call = {"scenario": "call-64", "front": "weir", "cost": 20.0}
        for ratio, node in ((1.4, "100,000"), (0.9, "140,000")):
            two = {"scenario": "cores-2", "front": "weir-2-cores", "cost": 9.0, "beside": ratio}
            self.assertIn(f"| 50,000 | {node} |", cluster.arithmetic([call, two])[-1])


class Growth(unittest.TestCase):
    def test_as_many_are_refused_as_should_be_and_none_breaks_off(self):
        def lap(requests, refused, broken=0):
            return growth.wrong({"requests": requests, "refused": refused, "broken": broken}, 0.25)

        self.assertEqual([lap(1000, 250), lap(1000, 280)], ["", ""])
        for wrong in (lap(1000, 0), lap(1000, 500), lap(1000, 250, 1), lap(0, 0)):
            self.assertTrue(wrong)

    def test_it_is_a_figure_of_memory(self):
        scenario = scenarios.named(["growth"])[0]
        extra = {"first_kib": 10_240, "last_kib": 10_752, "growth": 5.0}
        rounds_of = [{"weir": took(cost=cost, rate=None, p50_us=None, p99_us=None, server_us=None, foreign=0.5,
                                   extra=extra)} for cost in (-1.0, 5.0, 9.0)]  # fmt: skip
        (row,) = report.rows_of(rounds.Measured(scenario, rounds_of, []))
        self.assertEqual((row["cost"], row["unit"], row["doubts"]), (5.0, "% of memory", []))
        self.assertEqual(row["says"], "10.0 MiB before")
        self.assertIn(" 5.0 % ", report.table([row]))


class Safety(unittest.TestCase):
    SAID = (
        "noise\ntimes\t3\t\t\nwhole\t2\ta whole call\t\nlogged\t2\ta whole call\t\nruled\t2\ta whole call\t\n"
        "with\t2\tthe door\tnobody strange\nwithout\t2\tthe door\t\nwith\t2\tmetrics\tnumbers\n"
    )
    # Three times each, of which the middle one counts.
    TOTALS = [900, 1000, 9000, 1200, 1100, 1200, 1050, 1040, 1040, 200, 210, 190, 140, 140, 900, 10, 10, 10]

    def test_a_check_costs_what_it_takes_less_what_would_be_done_instead(self):
        whole, found = safety.prices(safety.read(self.SAID, lambda number: self.TOTALS[number - 1]))
        self.assertEqual(whole, 600)
        self.assertEqual([(name, count) for name, count, _, _ in found],
                         [("the access line", 100), ("the door", 30), ("twenty rules and three limits", 20),
                          ("metrics", 5)])  # fmt: skip
        self.assertIn("| the door | 30 | 5.0% | nobody strange |", safety.table(whole, found))

    def test_nothing_counted_is_no_table(self):
        with self.assertRaises(processes.Failure):
            safety.read("it broke\n", lambda _: 1)

    def test_its_section_takes_its_own_place_and_no_other(self):
        page = f"# Results\n\n{report.NEWEST}\na run\n{report.OLDER}\n\n## Before\n"
        once = safety.put(page, safety.section("first", True))
        twice = safety.put(once, safety.section("second", True))
        self.assertIn("first", once)
        self.assertNotIn("first", twice)
        self.assertEqual(re.findall(r"^## (.*)$", twice, re.M), ["The price of safety", "Before"])
        self.assertIn("a run", twice)


class Cores(unittest.TestCase):
    def test_two_are_put_beside_one(self):
        scenario = scenarios.named(["cores-2"])[0]
        turn = {"weir": took(), "weir-2-cores": took("weir-2-cores", cost=10.5, extra={"core_seconds": [1.1, 0.9]})}
        _, row = report.rows_of(rounds.Measured(scenario, [turn] * 3, []))
        self.assertEqual(row["says"], "1.05 x weir, within 1.1 x, the busiest core 1.10 x an even share")

    def test_data_cores_are_known_by_their_threads(self):
        self.assertEqual(processes.data_cores([os.getpid()]), {})


class Doubts(unittest.TestCase):
    def test_a_quiet_machine_leaves_none(self):
        self.assertEqual(marks(), [])

    def test_what_disturbed_is_said(self):
        self.assertEqual(marks(foreign=0.5), ["disturbed"])
        self.assertEqual(marks(stolen=0.1), ["disturbed"])
        self.assertEqual(marks(scenarios.named(["idle"])[0], foreign=0.5), [])
        self.assertEqual(marks(load_busy=1.0, front_busy=0.8), ["load"])
        self.assertEqual(marks(server_us=11.0), ["server"])
        fixed = scenarios.named(["call-5000"])[0]
        self.assertEqual(marks(fixed, short=True, load_busy=0.9), ["slow", "load"])

    def test_few_and_wide_rounds_are_said(self):
        self.assertEqual([doubt.mark for doubt in trust.doubts(CALL, [took()])], ["few"])
        wide = [took(cost=cost) for cost in (8.0, 9.0, 10.0, 12.0, 14.0)]
        self.assertEqual([doubt.mark for doubt in trust.doubts(CALL, wide)], ["wide"])

    def test_every_mark_has_its_meaning_and_its_question_mark(self):
        measured = rounds.Measured(CALL, [{"weir": took(foreign=0.5)}], [])
        text = report.table(report.rows_of(measured))
        for mark in ("few", "disturbed"):
            self.assertIn(f"- {mark}: {trust.MARKS[mark]}", text)
        self.assertIn(" 10.0? ", text)
        self.assertNotIn(" 10.0 ", text)


class Turns(unittest.TestCase):
    def take(self, script, count=2, repeats=2):
        """Turns of two fronts, of which the second does what the script says; and who was driven, in order."""
        run = command.Run(None, None, None, None, None, 0, count, 1, 0, repeats, 0, False, (1, 2), 0)
        run.say = lambda _: None
        driven, script = [], iter(script)

        def once(name):
            driven.append(name)
            return next(script) if name == "b" else took("a")

        return rounds.take_turns(CALL, ["a", "b"], once, run), driven

    def test_they_take_turns(self):
        measured, driven = self.take([took("b"), took("b")])
        self.assertEqual((driven, len(measured.turns), measured.thrown), (["a", "b"] * 2, 2, []))

    def test_a_disturbed_turn_is_taken_again_whole(self):
        measured, driven = self.take([took("b", foreign=1.0), took("b"), took("b")])
        self.assertEqual((driven, len(measured.turns), len(measured.thrown)), (["a", "b"] * 3, 2, 1))

    def test_it_is_not_taken_again_for_ever(self):
        measured, _ = self.take([took("b", foreign=1.0)] * 4)
        self.assertEqual((len(measured.turns), len(measured.thrown)), (2, 2))

    def test_a_failed_request_is_no_figure(self):
        measured, driven = self.take([took("b", failed="1 of 2 broke off", cost=None)])
        self.assertEqual(driven, ["a", "b", "a"])
        rows = report.rows_of(measured)
        self.assertEqual(rows[1], {"scenario": "call-64", "front": "b", "failed": "1 of 2 broke off"})
        self.assertRegex(report.table(rows), r"\| call-64 +\| b +\| +no figure \|")


class Page(unittest.TestCase):
    def test_the_newest_run_takes_the_place_of_the_one_before(self):
        rows = report.rows_of(rounds.Measured(CALL, [{"weir": took()}], []))
        about = {
            "date": "first", "command": "x", "seconds": 1, "rounds": 1, "versions": {"weir": "weir 0"},
            "machine": dict(cpu="c", cores=2, memory_mib=1, kernel="k", proxy_core=0, load_core=1, server_core=1),
        }  # fmt: skip
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "RESULTS.md"
            file.write_text(f"# Results\n\n{report.NEWEST}\nolder\n{report.OLDER}\n\n## Before\n\nkept\n")
            for date in ("first", "second"):
                report.write(directory, about | {"date": date}, [], rows)
            text = file.read_text()
            self.assertEqual(re.findall(r"^## (.*)$", text, re.M), ["second", "Before"])
            self.assertTrue(text.endswith("\nkept\n"))
            raw = json.loads((file.parent / "results.json").read_text())
            self.assertEqual((raw["date"], raw["rows"][0]["cost"]), ("second", 10.0))


class Answers(unittest.TestCase):
    """A server that answers with what it is made with."""

    def serve(self, body, status=200):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer((places.HOST, 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        server.host, server.leg, server.name = f"{places.HOST}:{server.server_address[1]}", "plain", "front"
        return server

    def test_the_servers_own_is_measured(self):
        _, answer = probe.verify(CALL, self.serve(b"right"), self.with_certificate(self.serve(b"right")), None)
        self.assertEqual(answer.body, b"right")
        self.assertGreater(answer.length, len(answer.body))

    def test_any_other_is_not(self):
        server = self.serve(b"right")
        for other in (self.serve(b"rigHt"), self.serve(b"right", 201), self.serve(b"right and more")):
            with self.assertRaisesRegex(processes.Failure, "nothing is measured"):
                probe.verify(CALL, server, self.with_certificate(other), None)

    def test_a_sealed_cursor_is_the_servers_and_nothing_else_is(self):
        def pages(*texts):
            return (self.serve(b'{"tools":["%s"],"nextCursor":"%s"}' % text) for text in texts)

        server, sealed, other = pages((b"a", b"page-1"), (b"a", b"AVJ8"), (b"b", b"page-1"))
        _, answer = probe.verify(CALL, server, self.with_certificate(sealed, "weir-whole"), None)
        self.assertIn(b"AVJ8", answer.body)
        for front, name in ((sealed, "weir"), (other, "weir-whole")):
            with self.assertRaisesRegex(processes.Failure, "nothing is measured"):
                probe.verify(CALL, server, self.with_certificate(front, name), None)

    def with_certificate(self, server, kind="weir"):
        server.certificate, server.kind = None, fronts.FRONTS[kind]
        return server


class Messages(unittest.TestCase):
    def test_they_are_as_long_as_they_are_said_to_be(self):
        self.assertEqual(len(messages.CALL.body), 400)
        self.assertEqual(len(messages.SESSION_CALL.body), 400)
        self.assertEqual(len(messages.LONG_REQUEST.body), messages.MIB)
        self.assertEqual(len(messages.TOKEN), 600 + len("Bearer "))
        for scenario in scenarios.SCENARIOS:
            self.assertTrue(json.loads(scenario.message.body))


if __name__ == "__main__":
    unittest.main()
