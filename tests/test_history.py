"""The history: when things last changed, writers side by side, and files that are no history."""

from __future__ import annotations

import argparse
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from parity import history
from parity.history import (
    VERSION,
    HistoryError,
    add_options,
    append,
    changed,
    location,
    main,
    scores,
    shown,
)
from parity.report.reading import Results, Run, Speed, row_of

BASE: dict[str, Any] = {
    "check": "test_lockstep[torch-linear-adam]",
    "lane": "torch",
    "problem": "linear",
    "optimizer": "adam",
    "dtype": "float32",
    "case": "0123456789ab",
    "claims": [],
    "status": "agree",
    "divergence": None,
    "parted": 0.0,
    "reason": "",
}


def run(day: int, score: float = 0.5, versions: str = "2.13", **changes: Any) -> Results:
    """Return a run of one verdict."""
    count = {"judged": 9, "abstained": 0, "diverged": 0, "worst": score}
    row = row_of({**BASE, "score": score, "counts": {"update": count}, **changes})
    told = {"versions": {"torch": versions}}
    return Results(runs=[Run("run", f"2026-11-{day:02} 10:00:00", told, [row])])


def speed(rate: float, spread: float, day: int) -> Results:
    found = Speed("torch", "mlp", "tiny", rate, rate - spread, rate + spread)
    at = Run("run", f"2026-11-{day:02} 10:00:00", {"versions": {}}, [])
    return Results(runs=[at], speeds=[found])


def kept(path: Path, *results: Results) -> dict[str, Any]:
    """Keep runs; return what is said of each fact."""
    for one in results:
        assert append(one, path) is None
    return {one.what: one for one in changed(path)}


def test_a_history_that_another_writer_holds_is_not_to_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PATIENCE", 0.1)
    monkeypatch.setenv("PARITY_HISTORY", str(tmp_path / "h"))
    kept(tmp_path / "h", run(1))
    with closing(sqlite3.connect(tmp_path / "h", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        told = append(run(2))
    assert told is not None
    assert told.endswith("database is locked; name another file by PARITY_HISTORY")


def test_what_never_changed_says_since_when(tmp_path: Path) -> None:
    found = kept(tmp_path / "h", run(1), run(2), run(3))
    assert {one.before for one in found.values()} == {""}
    assert {one.since for one in found.values()} == {"2026-11-01 10:00:00"}
    assert shown(list(found.values())) == "2026-11-01 10:00:00  torch: nothing changed in 3 runs\n"


def test_the_last_change_is_found_with_its_versions(tmp_path: Path) -> None:
    runs = (run(1, 0.25), run(2, 0.5), run(3, 0.75, "2.14"), run(4, 0.75, "2.14"))
    found = kept(tmp_path / "h", *runs)["score"]
    assert (found.before, found.now, found.since) == ("0.500", "0.750", "2026-11-03 10:00:00")
    assert found.versions == "torch 2.13 -> 2.14"
    assert found.runs == 4


def test_a_dial_and_a_verdict_that_change_are_said(tmp_path: Path) -> None:
    found = kept(tmp_path / "h", run(1), run(2, claims=["eps=hat[adam]"]))
    assert (found["dials"].before, found["dials"].now) == ("the textbook's", "eps=hat")
    assert (found["verdicts"].before, found["verdicts"].now) == ("1 agree", "1 claimed")


def test_runs_of_other_cases_are_not_compared(tmp_path: Path) -> None:
    found = kept(tmp_path / "h", run(1, 0.25), run(2, 0.5, case="ba9876543210"), run(3, 0.25))
    assert found["score"].before == ""


def test_rates_differ_where_their_intervals_do(tmp_path: Path) -> None:
    alike = kept(tmp_path / "a", speed(100, 5, 1), speed(108, 5, 2))["speed"]
    apart = kept(tmp_path / "b", speed(100, 5, 1), speed(125, 5, 2))["speed"]
    assert alike.before == ""
    assert (apart.before, apart.now) == ("100 steps/s", "125 steps/s")


def test_the_same_run_is_kept_once(tmp_path: Path) -> None:
    found = kept(tmp_path / "h", run(1), run(1))
    assert found["score"].runs == 1


def test_scores_are_those_of_the_cases_that_ran_last(tmp_path: Path) -> None:
    path = tmp_path / "h"
    kept(path, run(1, 0.25), run(2, 9.0, case="ba9876543210"), run(3, 0.75))
    assert scores(path) == {
        "torch": [
            {"at": "2026-11-01 10:00:00", "worst": 0.25},
            {"at": "2026-11-03 10:00:00", "worst": 0.75},
        ]
    }


def test_a_lane_is_asked_for_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "h"
    kept(path, run(1), run(2, lane="jax"))
    assert main(options("--file", path, "--lane", "jax")) == 0
    assert capsys.readouterr().out.count("jax") == 1
    with pytest.raises(HistoryError, match="no run of lane 'mine'"):
        main(options("--file", path, "--lane", "mine"))


def test_no_history_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARITY_HISTORY", str(tmp_path / "gone"))
    assert main(options()) == 0
    assert "no run is in the history" in capsys.readouterr().out
    assert scores(tmp_path / "gone") == {}
    assert not (tmp_path / "gone").exists()


def test_the_file_is_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PARITY_HISTORY", raising=False)
    monkeypatch.delenv("PARITY_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert location() == tmp_path / "parity" / "history.sqlite"
    monkeypatch.setenv("PARITY_CACHE", str(tmp_path / "cache"))
    assert location() == tmp_path / "cache" / "history.sqlite"
    monkeypatch.setenv("PARITY_HISTORY", str(tmp_path / "mine"))
    assert location() == tmp_path / "mine"
    monkeypatch.setenv("PARITY_HISTORY", "")
    assert location() is None
    assert append(run(1)) is None
    assert list(tmp_path.iterdir()) == []


def _garbage(path: Path) -> None:
    path.write_bytes(b"no database" * 100)


def _cut(path: Path) -> None:
    kept(path, run(1), run(2))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE runs (name TEXT)")
        database.commit()


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")


def _scrambled(path: Path) -> None:
    kept(path, run(1))
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE facts SET value = 'much' WHERE what = 'score'")
        database.commit()


@pytest.mark.parametrize(
    "spoil",
    [
        _garbage,
        Path.mkdir,
        _cut,
        _foreign,
        _newer,
    ],
)
def test_a_damaged_history_is_a_sentence(tmp_path: Path, spoil: Any) -> None:
    path = tmp_path / "h"
    spoil(path)
    said = append(run(3), path)
    assert said is not None
    assert said.startswith(f"{path}: ")
    assert "\n" not in said
    assert scores(path) == {}
    with pytest.raises(HistoryError):
        changed(path)


@pytest.mark.parametrize(
    ("own", "advice"),
    [
        ("h", ""),
        ("PARITY_HISTORY", "; name another file by PARITY_HISTORY"),
        ("parity/history.sqlite", "; remove it, or name another file by PARITY_HISTORY"),
    ],
)
def test_only_a_file_that_parity_made_is_to_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, advice: str
) -> None:
    monkeypatch.delenv("PARITY_HISTORY")
    monkeypatch.delenv("PARITY_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = tmp_path / own
    if own == "PARITY_HISTORY":
        monkeypatch.setenv(own, str(path))
    path.parent.mkdir(exist_ok=True)
    _garbage(path)
    with pytest.raises(HistoryError) as refused:
        main(options(*(["--file", path] if own == "h" else [])))
    assert str(refused.value) == (
        f"{path}: not a history that can be used: file is not a database{advice}"
    )


def test_values_that_are_no_numbers_are_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "h"
    _scrambled(path)
    assert scores(path) == {}
    with pytest.raises(HistoryError, match="could not convert"):
        changed(path)


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    said = append(run(1), tmp_path / "file" / "h")
    assert said is not None
    assert "Not a directory" in said or "exists" in said


def test_threads_write_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "h"
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda day: append(run(day), path), range(1, 25)))
    assert said == [None] * 24
    assert changed(path)[0].runs == 24


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_history import append, run
first = int(sys.argv[3])
said = [append(run(day), Path(sys.argv[1])) for day in range(first, first + 5)]
sys.exit(str([one for one in said if one]) if any(said) else 0)
"""


def test_processes_write_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "h"
    here = str(Path(__file__).parent)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), here, str(first)])
        for first in (1, 6, 11)
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    assert changed(path)[0].runs == 15


def options(*words: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return parser.parse_args([str(word) for word in words])
