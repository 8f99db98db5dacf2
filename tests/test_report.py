"""The report: what it reads and refuses, what it says, and that page, Markdown and JSON agree."""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import sample

from parity import history, records, report
from parity.case import Case
from parity.compare import Status, Verdict, judge
from parity.lanes import numpy32
from parity.lockstep import Result
from parity.parts import Layer, Loss, Optimizer
from parity.report import finish, folder, main, write
from parity.report.columns import columns, packed, rounded
from parity.report.data import content
from parity.report.finding import STEPS, finding_data
from parity.report.markdown import markdown
from parity.report.page import ASSETS, SCRIPTS, UPLOT, html
from parity.report.reading import Results, ResultsError, read

MADE = "2026-11-21 12:00:00"


@pytest.fixture(autouse=True)
def _own_history(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PARITY_HISTORY", str(tmp_path / "history.sqlite"))


def told(folder: Path, verdicts: int = 600, **options: Any) -> Results:
    run = sample.written(folder, sample.results(verdicts, **options))
    return read([run, sample.written(folder, sample.speeds(), "speeds.json")])


def made(results: Results) -> dict[str, Any]:
    return content(results, made=MADE)


def one_run(folder: Path, change: Callable[[dict[str, Any]], object], verdicts: int = 40) -> Path:
    """Write results that are changed before; return the file."""
    run = sample.results(verdicts, findings=0)
    change(run)
    return sample.written(folder, run)


class Seen(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


# What is read


def test_what_a_run_writes_is_read(tmp_path: Path) -> None:
    told_by = sample.results(300)
    path = tmp_path / "run.json"
    records.write(path, {k: v for k, v in told_by.items() if k != "verdicts"}, told_by["verdicts"])
    (run,) = read([path]).runs
    assert len(run.rows) == 300
    assert run.at == "2026-11-21 10:20:30"
    assert run.versions["torch"] == "2.13.0+cpu"
    kinds = [records.kind(record) for record in told_by["verdicts"]]
    assert [row.status for row in run.rows] == kinds


def test_infinities_come_back(tmp_path: Path) -> None:
    run = sample.results(60)
    bad = next(r for r in run["verdicts"] if r["divergence"])
    bad["score"] = bad["divergence"]["seen"] = math.inf
    path = tmp_path / "run.json"
    records.write(path, {"versions": {}}, run["verdicts"])
    row = next(row for row in read([path]).runs[0].rows if row.divergence)
    assert (row.score, row.divergence and row.divergence["seen"]) == (math.inf, math.inf)
    page = made(read([path]))
    json.dumps(page, allow_nan=False)
    assert html(page)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "damaged, or no JSON"),
        ('{"format": 1, "versions"', "damaged, or no JSON"),
        ("[" * 100_000, "damaged, or no JSON"),
        ("[1, 2]", "holds no results; expected what `pytest parity --parity-json"),
        ('{"a": 1}', "holds no results"),
        ('{"format": 2, "versions": {}, "verdicts": []}', "got 2: a newer parity wrote it"),
        ('{"format": "x", "versions": {}, "verdicts": []}', "expected format 1, got 'x'"),
        ('{"format": 1, "versions": [], "verdicts": []}', "versions are no values by name"),
        ('{"format": 1, "versions": {}, "verdicts": {}}', "expected a list of each verdict"),
        ('{"format": 1, "versions": {}, "verdicts": [7]}', "damaged: verdict 1: "),
        ('{"format": 1, "versions": {}, "verdicts": [], "changes": [{}]}', "change 1: no 'kind'"),
        ('{"benchmarks": [{"extra_info": {}, "stats": {}}]}', "damaged: benchmark 1: no 'lane'"),
        ('{"benchmarks": [], "machine_info": [1]}', "damaged: machine_info is [1]"),
        ('{"benchmarks": [], "machine_info": 5}', "damaged: machine_info is 5"),
        ('{"benchmarks": [], "machine_info": "abc"}', "damaged: machine_info is 'abc'"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "given.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ResultsError) as caught:
        read([path])
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["lane", "status", "counts", "score", "divergence", "parted"])
def test_a_verdict_without_a_part_is_refused_by_its_place(tmp_path: Path, key: str) -> None:
    path = one_run(tmp_path, lambda run: run["verdicts"][6].pop(key))
    with pytest.raises(ResultsError, match=f"damaged: verdict 7: no '{key}'"):
        read([path])


@pytest.mark.parametrize(
    ("key", "value"),
    [("status", "fine"), ("score", "much"), ("score", None), ("counts", {"sideways": {}})],
)
def test_a_verdict_of_another_kind_is_refused(tmp_path: Path, key: str, value: Any) -> None:
    path = one_run(tmp_path, lambda run: run["verdicts"][0].update({key: value}))
    with pytest.raises(ResultsError, match="damaged: verdict 1: "):
        read([path])


def test_a_verdict_on_no_problem_is_refused(tmp_path: Path) -> None:
    path = one_run(tmp_path, lambda run: run["verdicts"][0].update(problem=""))
    with pytest.raises(ResultsError, match=f"{path}: damaged: verdict 1: problem is ''"):
        read([path])


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_out_of_the_calendar_is_refused(tmp_path: Path, at: str) -> None:
    path = one_run(tmp_path, lambda run: run.update(at=at))
    with pytest.raises(ResultsError, match=re.escape(f"{path}: damaged: at is {at!r}")):
        read([path])


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    first = sample.written(tmp_path, sample.results(10))
    (tmp_path / "more").mkdir()
    second = sample.written(tmp_path / "more", sample.results(10))
    assert [run.name for run in read([first, second]).runs] == ["run", "run-2"]


# What is said


@pytest.mark.parametrize(
    ("status", "exit_status", "state", "sentence"),
    [
        ("agree", 0, "agree", "Every lane is the oracle, as the textbook has it"),
        ("claimed", 0, "agree", "Every lane is the oracle, with the dials that it claims"),
        ("agree", 1, "failed", "a check that gives no verdict failed"),
        ("agree", 2, "unfinished", "ended early"),
        ("", 0, "nothing", "Nothing was judged"),
        ("", 1, "failed", "Nothing was judged"),
        ("abstain", 1, "failed", "every verdict abstained"),
        ("abstain", 0, "nothing", "every verdict abstained"),
        ("error", 1, "failed", "lanes failed: "),
    ],
)
def test_the_verdict_says_no_more_than_was_seen(
    tmp_path: Path, status: str, exit_status: int, state: str, sentence: str
) -> None:
    def change(run: dict[str, Any]) -> None:
        run["exit_status"] = exit_status
        claims = ["eps=hat"] if status == "claimed" else []
        found = {"status": "agree" if claims else status, "claims": claims}
        run["verdicts"] = [{**one, **found} for one in run["verdicts"] if status]

    verdict = made(read([one_run(tmp_path, change)]))["verdict"]
    assert verdict["state"] == state
    assert sentence in verdict["sentence"]


def test_findings_come_the_worst_first_with_errors_before(tmp_path: Path) -> None:
    found = made(told(tmp_path))["findings"]
    assert [one["status"] for one in found] == ["error", "diverge", "diverge", "diverge"]
    scores = [one["score"] for one in found[1:]]
    assert scores == sorted(scores, reverse=True)
    assert len({one["id"] for one in found}) == len(found)


def test_a_finding_without_its_steps_is_told_by_its_verdict(tmp_path: Path) -> None:
    run = sample.results(600)
    for record in run["verdicts"]:
        record.pop("finding", None)
    found = made(read([sample.written(tmp_path, run)]))["findings"]
    assert "parts from the oracle at step 3, stage state" in found[1]["sentence"]
    assert found[1]["steps"] is None


def test_a_check_that_abstained_everywhere_is_a_finding(tmp_path: Path) -> None:
    def abstained(run: dict[str, Any]) -> None:
        run["exit_status"] = 1
        finding = next(v["finding"] for v in sample.results(600)["verdicts"] if "finding" in v)
        verdict = {**finding["verdict"], "status": "abstain", "divergence": None}
        run["verdicts"][0].update(status="abstain", claims=[])
        run["verdicts"][0]["finding"] = {**finding, "verdict": verdict, "steps": None}

    (one,) = made(read([one_run(tmp_path, abstained)]))["findings"]
    assert (one["status"], one["times"]) == ("abstain", "")


def test_a_lane_of_two_versions_has_two_rows(tmp_path: Path) -> None:
    old = sample.written(tmp_path, sample.results(600), "old.json")
    new = sample.results(600)
    trained = {verdict["lane"] for verdict in new["verdicts"]}
    same = sample.written(tmp_path, new, "same.json")
    assert len(made(read([old, same]))["matrix"]["lanes"]) == len(trained)
    new["versions"] = {**new["versions"], "torch": "2.14.0"}
    lanes = made(read([old, sample.written(tmp_path, new, "new.json")]))["matrix"]["lanes"]
    names = [row["lane"] for row in lanes]
    assert "torch (old)" in names
    assert "torch (new)" in names
    assert len(names) == 2 * len(trained)


def test_claims_stand_with_their_reasons(tmp_path: Path) -> None:
    claims = made(told(tmp_path))["claims"]
    assert claims == sorted(claims, key=lambda claim: -claim["verdicts"])
    assert all(claim["why"] and claim["source"] for claim in claims)
    unknown = one_run(tmp_path, lambda run: run["verdicts"][0].update(claims=["gone=1"]))
    found = {claim["name"]: claim["why"] for claim in made(read([unknown]))["claims"]}
    assert found["gone=1"].startswith("not among the claims")


def test_changes_come_the_worst_first(tmp_path: Path) -> None:
    kinds = [change["kind"] for change in made(told(tmp_path))["changes"]]
    assert kinds == ["semantic", "default", "rounding"]


def test_rates_stand_with_ceilings_by_size(tmp_path: Path) -> None:
    (group,) = made(told(tmp_path))["throughput"]
    assert [size["size"] for size in group["sizes"]] == ["tiny", "middle", "large"]
    shares = [lane["sizes"]["tiny"]["share"] for lane in group["lanes"]]
    assert max(shares) == 1
    assert all(0 < lane["sizes"]["large"]["of_ceiling"] <= 1 for lane in group["lanes"])


# Three forms of one content


def test_the_page_asks_for_nothing(tmp_path: Path) -> None:
    seen = Seen(html(made(told(tmp_path, hostile=True))))
    addresses = [
        value
        for _, attributes in seen.tags
        for name, value in attributes.items()
        if name in ("src", "href", "action", "srcset", "poster")
    ]
    assert {str(address)[0] for address in addresses} <= {"#", "d"}
    assert [a for a in addresses if str(a)[0] == "d"] == ["data:,"]
    assert "img" not in {tag for tag, _ in seen.tags}
    assert "default-src 'none'" in str(seen.tags)


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    def page(text: str) -> dict[str, Any]:
        def change(run: dict[str, Any]) -> None:
            run["profile"] = run["versions"][text] = run["missing"][text] = text
            run["changes"] = [dict.fromkeys(run["changes"][0], text)]
            for name in ("lane", "optimizer", "problem", "check", "reason", "dtype", "case"):
                run["verdicts"][0][name] = text
            run["verdicts"][0].update(status="error", claims=[text])

        table = {"title": text, "text": f"# A\n\n{text} [a](javascript:b) ![a](c)\n"}
        return content(read([one_run(tmp_path, change)]), made=MADE, tables=[table])

    hostile = page(sample.HOSTILE + "</script><script>alert(1)</script>")
    seen, plain = Seen(html(hostile)), Seen(html(page("plain")))
    # The same elements with the same attributes; in which order depends on the names.
    counted = [Counter((tag, *sorted(found)) for tag, found in one.tags) for one in (seen, plain)]
    assert counted[0] == counted[1]
    assert "<img" not in markdown({**hostile, "tables": []})


def test_own_scripts_end_no_script_element() -> None:
    names = [f"{name}.js" for name in SCRIPTS] + ["uplot/uPlot.iife.min.js"]
    for name in names:
        text = (ASSETS / name).read_text(encoding="utf-8")
        assert "</script" not in text.lower()
        assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|importScripts)\b", text), name


def test_uplot_stands_with_its_licence() -> None:
    assert f"(v{UPLOT})" in (ASSETS / "uplot/uPlot.iife.min.js").read_text("utf-8")[:200]
    assert "MIT License" in (ASSETS / "uplot/LICENSE").read_text("utf-8")


def test_the_page_carries_every_verdict(tmp_path: Path) -> None:
    results = told(tmp_path)
    page = made(results)
    data = re.search(r'id="packed"[^>]*>([^<]+)<', html(page))
    assert data is not None
    carried = json.loads(gzip.decompress(base64.b64decode(data[1])))
    verdicts = carried["verdicts"]
    names, codes = verdicts["names"], verdicts["codes"]
    rows = results.runs[0].rows
    for name in ("lane", "optimizer", "problem", "case", "status", "stage", "dtype"):
        seen = [names[name][code] for code in codes[name]]
        assert seen == [getattr(row, name) for row in rows]
    assert verdicts["numbers"]["score"] == [rounded(row.score) for row in rows]
    assert set(carried["steps"]) == {one["id"] for one in page["findings"] if one["steps"]}


def test_markdown_and_json_say_what_the_page_says(tmp_path: Path) -> None:
    results = told(tmp_path)
    written = write(tmp_path / "out", results)
    assert [path.name for path in written] == list(report.NAMES)
    page = json.loads(written[2].read_text("utf-8"))
    shown, text = Seen(written[0].read_text("utf-8")).text, written[1].read_text("utf-8")
    for one in page["findings"]:
        assert one["sentence"] in shown
        assert one["sentence"] in text
    for claim in page["claims"]:
        assert claim["why"] in shown
        assert claim["name"] in text
    for row in page["matrix"]["lanes"]:
        assert f"| {row['lane']} |" in text
    order = [text.index(f"## {name}") for name in ("Matrix", "Findings", "Claims", "Throughput")]
    assert order == sorted(order)


def test_the_same_results_give_the_same_page(tmp_path: Path) -> None:
    page = made(told(tmp_path))
    assert html(page) == html(page)
    assert packed(page) == packed(page)


@pytest.mark.parametrize(
    ("score", "shown"),
    [(0.12345, 0.123), (0.99999, 1.0), (1.0, 1.0), (1.0001, 1.01), (2931.4, 2930.0)],
)
def test_rounding_takes_no_score_across_the_bound(score: float, shown: float) -> None:
    assert rounded(score) == shown


def test_infinite_scores_are_text() -> None:
    assert rounded(math.inf) == "inf"
    assert columns([])["names"]["status"] == list(records.COUNTS)


def test_the_table_of_scores_shows_the_step_that_was_found(tmp_path: Path) -> None:
    run = sample.results(600)
    for record in run["verdicts"]:
        if "finding" in record:
            steps = record["finding"]["steps"]
            steps.pop("start", None)
            many = {name: list(range(60)) for name in ("step", "seen", "expected", "bound", "free")}
            scores = {stage: list(range(1000, 1060)) for stage in steps["score"]}
            record["finding"]["steps"] = {**many, "score": scores}
            record["finding"]["verdict"]["divergence"]["step"] = 50
    page = made(read([sample.written(tmp_path, run)]))
    found = [one for one in page["findings"] if one["steps"]]
    assert {one["near"] for one in found} == {44}
    for text in (Seen(html(page)).text, markdown(page)):
        assert "1,050" in text
        assert "1,043" not in text


# A finding's data

CASE = Case(
    layers=(Layer(3, "tanh"), Layer(1)),
    loss=Loss("squared_error"),
    optimizer=Optimizer("adam"),
    rates=(0.5, 0.25, 0.125),
    x=np.array([[1.0, 2.0], [0.5, -1.0]]),
    y=np.array([[2.0], [0.0]]),
    batches=((0, 1), (1,), (0,)),
    weights={
        "layer0/kernel": np.full((2, 3), 0.5),
        "layer0/bias": np.zeros(3),
        "layer1/kernel": np.full((3, 1), 0.25),
        "layer1/bias": np.zeros(1),
    },
)


def faulty(case: Case, rates: tuple[float, ...]) -> Result:
    """Return what a lane gets that takes other rates."""
    trace = numpy32.train(replace(case, rates=rates), "")
    return Result("faulty", case, judge(case, trace, {}), trace=trace)


def test_a_finding_is_told_step_by_step() -> None:
    result = faulty(CASE, (0.5, 0.5, 0.125))
    found = result.verdict.divergence
    assert found is not None
    data = finding_data(result, again="pytest parity", script="raise SystemExit(1)\n")
    steps = data["steps"]
    assert (found.step, str(found.stage)) == (1, "update")
    assert steps["step"] == [0, 1, 2]
    assert [score > 1 for score in steps["score"]["update"]] == [False, True, False]
    assert max(steps["score"]["forward"]) <= 1
    assert (steps["seen"][1], steps["expected"][1]) == (found.seen, found.expected)
    distance = abs(steps["seen"][1] - steps["expected"][1])
    assert distance / steps["bound"][1] == found.score
    assert steps["start"] == CASE.weights[found.tensor][found.index]
    assert len(steps["free"]) == 3
    assert data["sentence"].startswith("faulty parts from the oracle at step 2 of 3")
    assert Case.from_json(data["case"]["json"]).digest == CASE.digest


def test_a_finding_reaches_the_page(tmp_path: Path) -> None:
    result = faulty(CASE, (0.5, 0.5, 0.125))
    record = {**records.record("test_lockstep[faulty-mlp-adam]", result)}
    record["finding"] = finding_data(result)
    path = tmp_path / "run.json"
    records.write(path, {"versions": {}, "exit_status": 1}, [record])
    (one,) = made(read([path]))["findings"]
    assert one["steps"]["step"] == [0, 1, 2]
    assert one["case"]["summary"].startswith("float32 mlp 2-3-1, squared_error (mean), adam(")
    assert 'data-kind="values"' in html(made(read([path])))


@pytest.mark.parametrize("stage", ["forward", "backward", "state"])
def test_each_stage_has_its_values(stage: str) -> None:
    trace = numpy32.train(CASE, "")
    name = "layer0/kernel"
    if stage == "forward":
        trace = replace(trace, losses=trace.losses * 1.5)
    elif stage == "backward":
        trace = replace(trace, gradients={**trace.gradients, name: trace.gradients[name] * 1.5})
    else:
        slots = {**trace.state["m"], name: trace.state["m"][name] * 1.5}
        trace = replace(trace, state={**trace.state, "m": slots})
    steps = finding_data(Result("faulty", CASE, judge(CASE, trace, {}), trace=trace))["steps"]
    assert steps["score"][stage][0] > 1
    # What agreed before lay within the bound.
    assert abs(steps["seen"][0] - 1.5 * steps["expected"][0]) <= 1.5 * steps["bound"][0]
    assert "start" not in steps


def test_a_lane_without_a_trace_has_no_steps() -> None:
    verdict = Verdict(Status.ERROR, reason="hung: no answer")
    data = finding_data(Result("faulty", CASE, verdict))
    assert "steps" not in data
    assert "hung: no answer" in data["text"]


def test_a_long_run_is_thinned_around_what_was_found() -> None:
    steps = 450
    long = replace(CASE, rates=(0.01,) * steps, batches=((0, 1),) * steps)
    rates = (0.01,) * 37 + (0.02,) + (0.01,) * (steps - 38)
    shown = finding_data(faulty(long, rates))["steps"]["step"]
    assert {0, 35, 36, 37, 38, 39, steps - 1} <= set(shown)
    assert len(shown) <= STEPS + 6


# The command, and the end of a run


def options(*words: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    report.add_options(parser)
    return parser.parse_args([str(word) for word in words])


def test_the_command_merges_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = sample.written(tmp_path, sample.results(30), "a.json")
    second = sample.written(tmp_path, sample.results(50), "b.json")
    pages = tmp_path / "semantics.md"
    pages.write_text("# What each does\n\n| a |\n| --- |\n| b |\n", encoding="utf-8")
    assert main(options(first, second, pages, "--out", tmp_path / "new" / "out")) == 0
    page = json.loads((tmp_path / "new" / "out" / "report.json").read_text("utf-8"))
    assert page["verdict"]["verdicts"] == 80
    assert [run["name"] for run in page["environment"]["runs"]] == ["a", "b"]
    assert [table["title"] for table in page["tables"]] == ["What each does"]
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_refused_file_leaves_nothing_behind(tmp_path: Path) -> None:
    good = sample.written(tmp_path, sample.results(30), "a.json")
    with pytest.raises(ResultsError, match="No such file"):
        main(options(good, tmp_path / "gone.json", "--out", tmp_path / "out"))
    with pytest.raises(ValueError, match=r"gone\.md: No such file"):
        main(options(good, tmp_path / "gone.md", "--out", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match="is no folder"):
        folder(taken)
    with pytest.raises(ValueError, match=f"{taken} is no folder"):
        folder(taken / "below")
    assert folder(tmp_path / "new") == tmp_path / "new"


def test_the_end_of_a_run_is_kept_and_written(tmp_path: Path) -> None:
    run = sample.results(200)
    facts = {name: value for name, value in run.items() if name not in ("format", "verdicts")}
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "semantics.md").write_text("# Semantics\n", encoding="utf-8")
    lines = finish(facts, run["verdicts"], tmp_path / "out", tmp_path)
    assert lines == [f"report: {tmp_path / 'out' / 'report.html'}"]
    page = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert [table["title"] for table in page["tables"]] == ["Semantics"]
    assert set(history.scores()) == {record["lane"] for record in run["verdicts"]}


@pytest.mark.parametrize("facts", [{"exit_status": 2}, {"exit_status": 0, "case": "a.json"}])
def test_a_run_with_nothing_to_compare_is_not_kept(tmp_path: Path, facts: dict[str, Any]) -> None:
    run = sample.results(60, findings=0)
    assert finish({"versions": {}, **facts}, run["verdicts"], None, tmp_path) == []
    assert history.scores() == {}


def test_a_damaged_history_is_said_and_the_report_written(tmp_path: Path) -> None:
    (tmp_path / "history.sqlite").write_text("no database " * 100, encoding="utf-8")
    run = sample.results(60)
    facts = {"versions": {}, "exit_status": 1}
    first, second = finish(facts, run["verdicts"], tmp_path / "out", tmp_path)
    assert first.startswith("history: ")
    assert second.startswith("report: ")


def test_earlier_runs_are_drawn(tmp_path: Path) -> None:
    for day in (20, 21):
        run = sample.results(300, findings=0)
        run["at"] = f"2026-11-{day}T10:00:00+00:00"
        results = read([sample.written(tmp_path, run)])
        assert history.append(results) is None
    page = write(tmp_path / "out", results)[0].read_text("utf-8")
    lanes = {row.lane for row in results.runs[0].rows}
    assert page.count('<svg class="spark"') == len(lanes) > 1
    assert "2 runs, 2026-11-20 10:00:00 to 2026-11-21 10:00:00" in page
