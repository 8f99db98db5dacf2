"""`pytest parity` as a user meets it: header, progress, table, findings, exit codes, misuse."""

from __future__ import annotations

import json
import math
import os
import re
import select
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

# Loaded once, since a run in this process forgets what it has loaded itself.
import parity.findings  # noqa: F401  # for what it loads
from parity import lockstep, session
from parity import run as plugin
from parity.compare import Status, Verdict
from parity.lanes import Lane, process
from parity.session import Session

pytest_plugins = ["pytester"]

LANES = Path(__file__).with_name("lanes")
ROOT = LANES.parents[1]
PATIENCE = 60  # seconds after which a process is given up
PYTEST = [sys.executable, "-m", "pytest", "--pyargs", "parity", "--parity-profile=quick"]

CASE: dict[str, Any] = {
    "format": 1,
    "layers": [{"units": 2, "activation": "linear", "bias": False}],
    "loss": {"name": "softmax_cross_entropy", "labels": "integer"},
    "optimizer": {"name": "sgd", "arguments": {"momentum": 0.5}, "decay_biases": True},
    "clip": None,
    "dtype": "float32",
    "rates": [0.5, 0.25],
    "batches": [[0, 1], [2]],
    "x": [[1.0], [-2.0], [0.5]],
    "y": [0, 1, 1],
    "sample_weights": None,
    "weights": {"layer0/kernel": [[0.5, -0.5]]},
}


def lanes(*names: str) -> str:
    return "--parity-lanes=" + ",".join(str(LANES / f"{name}.py") for name in names)


def run(pytester: pytest.Pytester, *words: str) -> pytest.RunResult:
    """Run the checks in this process, in a folder of their own."""
    return pytester.runpytest_inprocess(*PYTEST[3:], *words)


def report(path: Path) -> dict[str, Any]:
    """Read verdicts as a strict reader does."""

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is not JSON")

    content: dict[str, Any] = json.loads(path.read_text("utf-8"), parse_constant=refuse)
    return content


def outcomes(found: dict[str, Any]) -> dict[str, set[str]]:
    """Return how each lane's verdicts came out."""
    kinds = ("agree", "claimed", "diverge", "abstain", "error")
    return {lane: {kind for kind in kinds if total[kind]} for lane, total in found["lanes"].items()}


def refusal(result: pytest.RunResult) -> str:
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in result.errlines if line]
    return line.removeprefix("ERROR: ")


# What a run shows


def test_a_healthy_lane_passes_and_stands_in_the_table(pytester: pytest.Pytester) -> None:
    result = run(pytester, lanes("healthy"), "-k", "linear", "--parity-json=all.json")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "parity: profile quick, up to 2 cases for each lane, problem and optimizer, seed 0",
            "parity: python *, numpy *",
            "parity lanes: healthy@sgd, healthy",
            "healthy@sgd .",
            "healthy .. *100%*",
            "lane        sgd adam agree claimed diverged abstained error worst unjudged",
            "healthy     .   .   *",
            "healthy@sgd .       *",
            "verdicts: all.json",
        ]
    )
    found = report(pytester.path / "all.json")
    assert found["exit_status"] == 0
    assert outcomes(found) == {"healthy": {"agree"}, "healthy@sgd": {"agree"}}
    assert set(found["lanes"]["healthy"]["stages"]) == {"forward", "backward", "state", "update"}
    assert {verdict["check"] for verdict in found["verdicts"]} == {
        "test_lockstep[healthy-linear-sgd]",
        "test_lockstep[healthy-linear-adam]",
        "test_lockstep[healthy@sgd-linear-sgd]",
    }


def test_a_faulty_lane_is_a_finding_below_the_table(pytester: pytest.Pytester) -> None:
    result = run(pytester, lanes("faulty", "healthy"), "-k", "linear-sgd")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "faulty      x *",
            "healthy     . *",
            "*= FAILURES =*",
            "faulty (numpy *) parts from the oracle at step * of *, stage update: weights *",
            "  expected * seen * times the rounding bound *",
            "  forward and backward agree at every step, so the optimizer is where they part",
            "  no claim says so",
            "  free:   run on its own, the oracle ends * of the largest change of a weight away",
            "  case:   float* linear *",
            "  again:  pytest --pyargs parity --parity-case=reports/findings/*.json *",
        ]
    )


def test_the_command_in_a_finding_shows_it_again(pytester: pytest.Pytester) -> None:
    first = run(pytester, lanes("faulty"), "-k", "linear-sgd")
    # Under CI, pytest repeats the message in its closing lines.
    found = next(line for line in first.outlines if "stage update" in line)
    again = next(line for line in first.outlines if line.startswith("  again:"))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    second = subprocess.run(
        shlex.split(again.removeprefix("  again:")),
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert second.returncode == pytest.ExitCode.TESTS_FAILED
    assert {found, again} <= set(second.stdout.splitlines())


def test_a_command_names_the_checks_as_they_can_be_reached_from_here(tmp_path: Path) -> None:
    def command(folder: Path) -> str:
        return plugin._command(SimpleNamespace(invocation_params=SimpleNamespace(dir=folder)))

    assert command(ROOT) == "pytest parity"
    assert command(tmp_path) == "pytest --pyargs parity"


def test_the_checks_run_by_their_name_where_no_folder_has_it(pytester: pytest.Pytester) -> None:
    words = (lanes("healthy"), "--parity-profile=quick", "-k", "linear-sgd")
    assert pytester.runpytest_inprocess("parity", *words).ret == pytest.ExitCode.OK
    pytester.mkdir("parity")
    said = refusal(pytester.runpytest_inprocess("parity", *words))
    assert f"is for `pytest --pyargs parity {words[0]} " in said


@pytest.mark.parametrize("setting", ["python_files = check_*.py", "python_functions = check_*"])
def test_a_projects_own_names_of_tests_do_not_hide_the_checks(
    pytester: pytest.Pytester, setting: str
) -> None:
    pytester.makeini(f"[pytest]\n{setting}\n")
    run(pytester, lanes("healthy"), "-k", "linear-sgd").assert_outcomes(passed=2)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full disk")
@pytest.mark.parametrize("lane", ["healthy", "faulty"])
def test_a_file_that_cannot_be_written_loses_nothing_else(
    pytester: pytest.Pytester, lane: str
) -> None:
    words = (lanes(lane), "-k", "linear-sgd", "--parity-json=/dev/full", "--parity-report=page")
    result = run(pytester, *words)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    told = ["verdicts: not written: *No space left*", "report: page/report.html"]
    result.stdout.fnmatch_lines(["lane * sgd *", f"{lane} *", *told])


def test_a_finding_is_told_where_its_case_cannot_be_saved(pytester: pytest.Pytester) -> None:
    pytester.makefile("", reports="no folder")
    result = run(pytester, lanes("faulty"), "-k", "linear-sgd")
    result.stdout.fnmatch_lines(
        [
            "faulty (numpy *) parts from the oracle at step * of *, stage update: weights *",
            "  again:  the case could not be saved: *",
            "  repro:  none: *",
        ]
    )


def test_what_a_lane_says_in_no_alphabet_is_in_the_report(pytester: pytest.Pytester) -> None:
    source = (LANES / "faulty.py").read_text(encoding="utf-8").replace('"faulty"', '"odd"')
    raising = re.sub(r"(def train\(.*\n)", r'\1    raise ValueError("\\ud800")\n', source)
    pytester.makepyfile(odd=raising)
    words = ("--parity-lanes=odd.py", "-k", "linear-sgd", "--parity-report=page")
    assert run(pytester, *words).ret == pytest.ExitCode.TESTS_FAILED
    assert "ValueError: \\ud800" in (pytester.path / "page/report.md").read_text(encoding="utf-8")


def test_a_crash_is_a_verdict_and_the_other_lanes_are_kept(pytester: pytest.Pytester) -> None:
    words = ("-k", "linear-sgd", "--parity-json=all.json")
    result = run(pytester, lanes("crashing", "healthy"), *words)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["crashing gave no trace: crashed: exit status 3"])
    found = outcomes(report(pytester.path / "all.json"))
    assert found == {"crashing": {"error"}, "healthy": {"agree"}, "healthy@sgd": {"agree"}}


def test_a_divergence_that_comes_from_what_ran_before_is_told(pytester: pytest.Pytester) -> None:
    source = (LANES / "faulty.py").read_text(encoding="utf-8").replace('"faulty"', '"stale"')
    second = source.replace("1.125 * rate", "(1.125 if RUN else 1.0) * rate")
    second = second.replace("def train(", "RUN: list[Case] = []\n\n\ndef train(")
    second = second.replace("    return numpy32.train(", "    trace = numpy32.train(")
    pytester.makepyfile(stale=f"{second}    RUN.append(case)\n    return trace\n")
    words = ("--parity-lanes=stale.py", "-k", "linear-sgd", "--parity-timeout=90")
    result = run(pytester, *words)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "  alone:  the case agrees in a fresh process: what ran before it matters",
            "  again:  * --parity-timeout=90",
        ]
    )


def test_a_lane_without_a_dtype_of_the_profile_is_left_out(pytester: pytest.Pytester) -> None:
    source = (LANES / "healthy.py").read_text(encoding="utf-8").replace('"healthy', '"narrow')
    narrow = source.replace("optimizers=", 'dtypes=("bfloat16",), optimizers=')
    assert narrow != source
    pytester.makepyfile(narrow=narrow)
    said = refusal(run(pytester, "--parity-lanes=narrow.py"))
    assert said.startswith("no lane can run: narrow@sgd: no dtype float32 or float64; narrow: ")
    result = run(pytester, "--parity-lanes=narrow.py,numpy32", "-k", "linear-sgd")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["parity skips narrow@sgd, narrow: no dtype float32 or float64"])


def test_numbers_that_are_not_finite_are_valid_json(pytester: pytest.Pytester) -> None:
    run(pytester, lanes("unfinite"), "-k", "linear-sgd", "--parity-json=all.json")
    found = report(pytester.path / "all.json")
    assert found["lanes"]["unfinite"]["worst"] == "inf"
    assert found["verdicts"][0]["divergence"]["seen"] == "nan"


def test_a_lane_of_which_nothing_was_judged_does_not_pass(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lockstep, "judge", lambda *_: Verdict(Status.ABSTAIN))
    result = run(pytester, lanes("faulty"), "-k", "linear-sgd")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["faulty (numpy *) was not judged: *"])


def test_a_check_without_a_case_is_skipped_with_the_reason(pytester: pytest.Pytester) -> None:
    result = run(pytester, lanes("example"), "-k", "softmax-sgd", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED * example can run none of the cases drawn"])


def test_the_seed_decides_what_is_drawn(tmp_path: Path) -> None:
    def drawn(seed: str) -> list[str]:
        shared = Session(lanes="numpy32", profile="quick", seed=seed, folder=tmp_path)
        cases = shared.harness.examples(shared.lanes[0], "linear", "sgd", shared.profile)
        return [case.digest for case in cases]

    assert drawn("7") == drawn("7")
    assert drawn("7") != drawn("8")


def test_a_report_in_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^report: expected a folder, got ''$"):
        Session(page="", folder=tmp_path)


def test_so_many_cases_are_spread_over_a_lane_slow_or_not(tmp_path: Path) -> None:
    wanted = 40
    session = Session(cases=str(wanted), lanes="torch,tensorflow:xla", folder=tmp_path)
    for lane in session.lanes:
        rows = [row.values for row in session.rows("test_lockstep") if row.values["lane"] is lane]
        profile = session.extent(lane)
        counts = [
            len(session.harness.examples(lane, row["problem"], row["optimizer"], profile))
            for row in rows
        ]
        assert len(rows) == 3 * len(lane.optimizers)
        assert set(counts) == {math.ceil(wanted / len(rows))}


def test_the_seed_is_hypothesis_seed(pytester: pytest.Pytester) -> None:
    result = run(pytester, lanes("healthy"), "--collect-only", "--hypothesis-seed=7")
    result.stdout.fnmatch_lines(["parity: profile quick, *, seed 7"])


# Other ways to run: xdist, JUnit, one case


@pytest.fixture(scope="module")
def parallel(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Run on two xdist workers; return the folder and the lines of the output."""
    folder = tmp_path_factory.mktemp("parallel")
    words = [lanes("healthy", "faulty"), "-k", "linear or softmax", "-v", "-n2"]
    files = ["--parity-json=all.json", "--junitxml=junit.xml"]
    done = subprocess.run(
        [*PYTEST, *words, *files], cwd=folder, stdout=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    return folder, done.stdout.splitlines()


def test_verdicts_come_through_from_xdist_workers(parallel: tuple[Path, list[str]]) -> None:
    folder, lines = parallel
    found = outcomes(report(folder / "all.json"))
    assert found == {"faulty": {"diverge"}, "healthy": {"agree"}, "healthy@sgd": {"agree"}}
    assert [line.split()[0] for line in lines if re.match(r"(healthy|faulty)\S* +[.x]", line)] == [
        "faulty",
        "healthy",
        "healthy@sgd",
    ]


def test_a_lane_stays_on_one_xdist_worker(parallel: tuple[Path, list[str]]) -> None:
    _, lines = parallel
    pattern = r"\[(gw\d)\].* (?:PASSED|FAILED) .*\[([a-z@]+)-\w+-\w+\] *$"
    seen = [match.groups() for line in lines if (match := re.match(pattern, line))]
    workers = {lane: {gateway for gateway, other in seen if other == lane} for _, lane in seen}
    assert {lane: len(used) for lane, used in workers.items()} == {
        "faulty": 1,
        "healthy": 1,
        "healthy@sgd": 1,
    }


def test_junit_has_the_checks_and_the_findings(parallel: tuple[Path, list[str]]) -> None:
    folder, _ = parallel
    checks = ET.parse(folder / "junit.xml").getroot().iter("testcase")
    failed = {check.get("name"): check.find("failure") for check in checks}
    assert set(failed) == {
        "test_lockstep[healthy-linear-sgd]",
        "test_lockstep[healthy-softmax-sgd]",
        "test_lockstep[healthy-linear-adam]",
        "test_lockstep[healthy-softmax-adam]",
        "test_lockstep[healthy@sgd-linear-sgd]",
        "test_lockstep[healthy@sgd-softmax-sgd]",
        "test_lockstep[faulty-linear-sgd]",
        "test_lockstep[faulty-softmax-sgd]",
    }
    finding = failed["test_lockstep[faulty-linear-sgd]"]
    assert finding is not None
    assert "parts from the oracle" in str(finding.get("message"))
    assert failed["test_lockstep[healthy-linear-sgd]"] is None


@pytest.fixture
def case_file(pytester: pytest.Pytester) -> Path:
    return pytester.path / "case.json"


def test_one_case_is_run_by_every_lane_that_can(pytester: pytest.Pytester, case_file: Path) -> None:
    case_file.write_text(json.dumps(CASE), encoding="utf-8")
    result = run(pytester, lanes("healthy", "example"), "--parity-case=case.json")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "parity: one case, case.json",
            "parity lanes: healthy@sgd, healthy",
            "parity skips example: no loss softmax_cross_entropy",
        ]
    )


# Lanes from outside, and lanes that are missing


def test_the_example_of_a_lane_is_short_and_complete(pytester: pytest.Pytester) -> None:
    assert len((LANES / "example.py").read_text("utf-8").splitlines()) <= 40
    words = ("--parity-profile=standard", "-k", "linear-sgd", "--parity-json=all.json")
    run(pytester, lanes("example"), *words).assert_outcomes(passed=1)
    assert report(pytester.path / "all.json")["lanes"]["example"]["agree"] > 0


def test_a_lane_can_be_an_entry_point(pytester: pytest.Pytester) -> None:
    metadata = pytester.mkdir("outside-1.0.dist-info")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[parity.lanes]\noutside = example\n")
    seen = subprocess.run(
        [*PYTEST, "--parity-lanes=outside", "-k", "linear-sgd"],
        cwd=pytester.path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(pytester.path), str(LANES)])},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert seen.returncode == pytest.ExitCode.OK, seen.stdout
    assert "parity lanes: example" in seen.stdout.splitlines()


def test_what_is_missing_is_a_line_of_the_header(pytester: pytest.Pytester) -> None:
    result = run(pytester, lanes("absent"), "--collect-only")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "parity lanes: present",
            "parity skips absent, absent:fit: parity_of_nobody is not installed "
            "(pip install parity_of_nobody)",
        ],
        consecutive=True,
    )


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the control finds what it needs."""
    monkeypatch.setattr(session, "missing", missing_unless_control)


def missing_unless_control(lane: Lane) -> str | None:
    return None if lane.name == "numpy32" else f"{lane.packages[0]} is not installed (pip ...)"


@pytest.mark.usefixtures("nothing_installed")
@pytest.mark.parametrize("words", [[], ["--parity-lanes=*"]])
def test_without_a_framework_it_says_what_to_install(
    pytester: pytest.Pytester, words: list[str]
) -> None:
    assert refusal(run(pytester, *words)) == (
        'no framework is installed: pip install "parity[all]" '
        "(or [torch], [tensorflow], [keras], [jax])"
    )


@pytest.mark.usefixtures("nothing_installed")
def test_a_lane_asked_for_by_name_says_what_it_needs(pytester: pytest.Pytester) -> None:
    said = refusal(run(pytester, "--parity-lanes=torch"))
    assert said == "no lane can run: torch: torch is not installed (pip ...)"


@pytest.mark.usefixtures("nothing_installed")
def test_the_control_runs_alone_where_it_is_asked_for_by_name(pytester: pytest.Pytester) -> None:
    assert run(pytester, "--parity-lanes=numpy32", "--collect-only").ret == pytest.ExitCode.OK
    assert run(pytester, "--parity-lanes=numpy*", "--collect-only").ret == pytest.ExitCode.OK


# Misuse: one sentence, before any process is started


@pytest.fixture
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(process, "Process", start)


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "--parity-lanes=pytorch",
            r"lanes: expected one of torch, .*, got 'pytorch'; did you mean torch\?",
        ),
        ("--parity-lanes=,", r"lanes: expected one of torch, .*, numpy32, .*, got ','"),
        ("--parity-lanes=mine.py", r"mine\.py: no such file"),
        ("--parity-profile=fast", r"profile: expected one of quick, standard, deep, got 'fast'"),
        ("--parity-cases=0", r"cases: expected a whole number above 0, got '0'"),
        ("--parity-cases=many", r"cases: expected a whole number above 0, got 'many'"),
        ("--parity-case=mine.json", r"mine\.json: No such file or directory"),
        ("--parity-case=", r"case: expected a file, got ''"),
        ("--parity-case=.", r"\.: is a folder"),
        ("--parity-json=my/all.json", r"my/all\.json: no folder my"),
        ("--parity-json=", r"json: expected a file, got ''"),
        ("--parity-json=.", r"\.: is a folder"),
        (
            "--parity-json=/proc/x.json",
            r"/proc/x\.json: (cannot be written to: .*|no folder /proc)",
        ),
        ("--parity-json=/tmp", r"/tmp: is a folder"),
        (f"--parity-json={'x' * 300}", r"x+: cannot be written to: File name too long"),
        ("--parity-timeout=soon", r"timeout: expected a number of seconds above 0, got 'soon'"),
        ("--parity-timeout=0", r"timeout: expected a number of seconds above 0, got '0'"),
        ("--hypothesis-seed=one", r"seed: expected a whole number or random, got 'one'"),
    ],
)
def test_a_wrong_word_is_refused_with_the_value(
    pytester: pytest.Pytester, word: str, message: str
) -> None:
    assert re.fullmatch(message, refusal(run(pytester, word)))
    assert not list(pytester.path.iterdir())


@pytest.mark.parametrize("word", ["--collect-only", "--setup-only", "--setup-plan"])
def test_a_run_without_a_check_leaves_what_it_would_write_alone(
    pytester: pytest.Pytester, word: str
) -> None:
    kept = pytester.path / "all.json"
    kept.write_text("of a run", encoding="utf-8")
    files = ("--parity-json=all.json", "--parity-report=page", "--parity-save=mine")
    words = ("--parity-lanes=numpy32", "-k", "linear-sgd", word, *files)
    assert run(pytester, *words).ret == pytest.ExitCode.OK
    assert kept.read_text("utf-8") == "of a run"
    assert [path for path in pytester.path.iterdir() if path.name[0] != "."] == [kept]  # of pytest


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"layers": [{"units": -2}]}, r"layers\[0\]\.units: expected .* or more, got -2"),
        ({"y": [0, 1, 2]}, r"y: expected labels 0 <= y < 2, got 2"),
        ({"x": [[1.0], [float("nan")], [0.5]]}, r"x\[1, 0\]: expected a finite .*, got nan"),
        ({"x": [[1.0], [1e300], [0.5]]}, r"x\[1, 0\]: expected .* up to .*, got 1e\+300"),
        ({"rates": [0.5, float("inf")]}, r"rates\[1\]: expected .*, got inf"),
        (
            {"optimizer": {"name": "sdg"}},
            r"optimizer: expected one of sgd, .*, got 'sdg'; did you mean sgd\?",
        ),
        (
            {"optimizer": {"name": "sgd", "arguments": {"mass": 1}}},
            r"argument of sgd: expected one of momentum, .*, got 'mass'",
        ),
        ({"format": 7}, r"expected a case of format 1, got 7"),
    ],
)
def test_an_impossible_case_is_refused_with_the_value(
    pytester: pytest.Pytester, case_file: Path, damage: dict[str, Any], message: str
) -> None:
    case_file.write_text(json.dumps(CASE | damage), encoding="utf-8")
    said = refusal(run(pytester, "--parity-case=case.json", "--parity-lanes=numpy32"))
    assert re.fullmatch(r"case\.json: " + message, said)


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (json.dumps(CASE).encode()[:100], "not JSON: "),
        (b"", "not JSON: "),
        (b"\xff\xfe\x00", "not a text file: "),
        (b"[1, 2]", "case: expected a JSON object, got [1, 2]"),
        (json.dumps(CASE)[:-1].encode() + b', "x": []}', "'x' stands twice in one JSON object"),
        (b"[" * 100_000, "not JSON: "),
    ],
)
def test_a_damaged_case_file_is_refused(
    pytester: pytest.Pytester, case_file: Path, content: bytes, message: str
) -> None:
    case_file.write_bytes(content)
    said = refusal(run(pytester, "--parity-case=case.json", "--parity-lanes=numpy32"))
    assert said.startswith(f"case.json: {message}")


@pytest.mark.usefixtures("nothing_starts")
def test_a_case_that_no_lane_can_run_is_refused(pytester: pytest.Pytester, case_file: Path) -> None:
    case_file.write_text(json.dumps(CASE | {"dtype": "bfloat16"}), encoding="utf-8")
    said = refusal(run(pytester, "--parity-case=case.json", "--parity-lanes=numpy32"))
    assert said == "no lane can run case.json: numpy32: no dtype bfloat16"


def test_an_option_without_the_checks_says_what_to_type(pytester: pytest.Pytester) -> None:
    said = refusal(pytester.runpytest_inprocess("--parity-lanes=torch", "-k", "a b", "."))
    assert said == "--parity-lanes=torch is for `pytest parity --parity-lanes=torch -k 'a b'`"


def test_no_patience_is_too_long(pytester: pytest.Pytester) -> None:
    words = (lanes("healthy"), "-k", "linear-sgd", "--parity-timeout=1e300")
    run(pytester, *words).assert_outcomes(passed=2)


def test_links_that_go_round_in_a_circle_are_pytest_s_to_refuse(pytester: pytest.Pytester) -> None:
    (pytester.path / "one").symlink_to("two")
    (pytester.path / "two").symlink_to("one")
    result = pytester.runpytest_inprocess("one")
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_the_options_are_explained(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess("--help", "--parity-lanes=torch")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["  --parity-lanes?LANES*", "  --parity-case?FILE *"])


def test_a_run_that_only_passes_by_leaves_the_checks_out(pytester: pytest.Pytester) -> None:
    others = [f"--ignore={ROOT / name}" for name in ("tests", "benchmarks")]
    result = pytester.runpytest_inprocess(str(ROOT), *others, "-c", os.devnull, "--collect-only")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


# Ctrl-C


# What a shell starts in the background ignores Ctrl-C, and so does all that is started from there.
HEARS = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL);"
    "os.execv(sys.argv[1], sys.argv[1:])"
)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("words", [[], ["-n2"]], ids=["alone", "xdist"])
def test_ctrl_c_leaves_no_process_behind(tmp_path: Path, words: list[str]) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    # A group of its own, which gets the signal as a terminal sends it.
    with subprocess.Popen(
        [sys.executable, "-c", HEARS, *PYTEST, lanes("waiting"), "-k", "linear-sgd", *words],
        cwd=tmp_path,
        env={**os.environ, "PARITY_TEST_PIPE": str(pipe)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as running:
        try:
            assert heard(reader) == b"trains\n"
            os.killpg(running.pid, signal.SIGINT)
            assert running.wait(PATIENCE) == pytest.ExitCode.INTERRUPTED
        finally:
            running.kill()
    assert heard(reader) == b"", "the lane's process lives on"
    os.close(reader)


def heard(reader: int) -> bytes:
    """Return what comes next: nothing once no process holds the other end."""
    ready, _, _ = select.select([reader], [], [], PATIENCE)
    assert ready, "nothing came"
    return os.read(reader, 100)
