"""The articles' systems are found to be what their rows say, and the page is the program's."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from parity.articles import data, lane
from parity.articles.lane import NEEDS, StudyError, answers, needs
from parity.articles.page import explained, found, lines, unlike
from parity.articles.run import status
from parity.articles.study import Answer, Found, System
from parity.articles.systems import ARTICLES, SYSTEMS
from parity.lanes.installed import missing
from parity.watching.findings import Kind

PAGE = Path(__file__).parents[1] / "reports" / "articles.md"
OTHER = ("refused", "no update")  # kinds that are no finding of the watch


@cache
def answered(name: str) -> dict[str, tuple[System, Answer]]:
    """Return the systems of a framework with what came out of them, by name."""
    reason = missing(needs(name))
    if reason:
        pytest.skip(reason)
    systems = [system for system in SYSTEMS if system.lane == name]
    return {system.name: (system, answer) for system, answer in answers(name, systems)}


@pytest.fixture(scope="module", params=NEEDS)
def rows(request: pytest.FixtureRequest) -> dict[str, tuple[System, Answer]]:
    return answered(request.param)


def test_a_system_is_found_to_be_what_its_row_says(rows: dict[str, tuple[System, Answer]]) -> None:
    assert {name: answer.kinds for name, (_, answer) in rows.items()} == {
        name: system.found for name, (system, _) in rows.items()
    }
    assert status(list(rows.values())) == 0


def test_silence_is_that_of_updates_which_were_judged(
    rows: dict[str, tuple[System, Answer]],
) -> None:
    silent = [answer for _, answer in rows.values() if not answer.findings]
    assert silent
    assert all(answer.judged["updates"][0] > 0 for answer in silent)
    assert all(worst <= 1 for answer in silent for _, worst in answer.judged.values())


def test_the_page_is_the_programs(rows: dict[str, tuple[System, Answer]]) -> None:
    committed = masked(PAGE.read_text("utf-8")).splitlines()
    for line in lines(list(rows.values())):
        assert masked(line) in committed


def test_the_page_has_a_row_for_each_system() -> None:
    written = PAGE.read_text("utf-8")
    titles = [f"## {number}. {title}" for number, title in ARTICLES.items()]
    assert re.findall(r"^## .*$", written, re.MULTILINE) == titles
    named = re.findall(r"^\| (.*?) \((?:torch|tensorflow|tf_keras|keras)\) \|", written, re.M)
    assert named == [system.what for system in SYSTEMS]


def test_the_rate_that_keras_2_drops_is_found() -> None:
    _, dropped = answered("tf_keras")["exact_lr"]
    says = "lr=0.1 is accepted and read by nobody: lr=0.01 is in effect"
    assert dropped.findings == (Found("unread argument", says),)
    assert [heard.partition(":")[0] for heard in dropped.heard] == ["log"]
    _, right = answered("tf_keras")["exact_learning_rate"]
    assert dropped.shown["loss"] > 1000 * right.shown["loss"]


def test_the_gradient_by_hand_is_an_eleventh() -> None:
    _, answer = answered("torch")["temperatures_by_hand"]
    assert answer.findings[0].sentence.endswith("; the gradient is divided by the batch size")


def test_rows_are_told_apart_and_name_kinds_that_there_are() -> None:
    assert len({(system.lane, system.name) for system in SYSTEMS}) == len(SYSTEMS)
    assert {system.article for system in SYSTEMS} == set(ARTICLES)
    known = {*map(str, Kind), *OTHER}
    assert {kind for system in SYSTEMS for kind in system.found} <= known


def test_a_digit_that_is_not_reproduced_is_shown() -> None:
    system = System("one", 1, "torch", "", "", "", prints={"w": "0.500", "b": "-1.25"})
    answer = Answer(shown={"w": 0.5004, "b": -1.256})
    assert unlike(system, answer) == {"b": "-1.26"}
    assert (
        "1 of 2 reproduced, none off by more than 6e-03; b: -1.25 printed, -1.26 here"
        in (lines([(system, answer)])[0])
    )


def test_numbers_in_an_explanation_are_those_of_the_run() -> None:
    system = System("one", 1, "torch", "", "", "off by {weights off by:.2f}, {all[torch/two][w]}")
    answer = Answer(shown={"weights off by": 0.256})
    assert explained(system, answer, {"torch/two": {"w": 3.0}}) == "off by 0.26, 3.0"


def test_another_finding_than_the_row_says_fails_the_run() -> None:
    system = System("one", 1, "torch", "", "", "", found=("left out",))
    seen = Answer(findings=(Found("frozen", "b is frozen"),), heard=("log: well",))
    assert status([(system, seen)]) == 1
    assert found(seen) == "**frozen**: b is frozen<br>said meanwhile: log: well"


def test_a_framework_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "missing", lambda wanted: "torch is not installed")
    with pytest.raises(StudyError, match="torch: torch is not installed"):
        next(answers("torch", SYSTEMS))


def test_the_data_have_the_averages_that_the_printed_numbers_imply() -> None:
    x, y = data.line(*data.SESSION)
    assert [round(float(np.mean(v)), 8) for v in (x, x**2)] == [round(v, 8) for v in data.SESSION]
    assert np.array_equal(y, x * 0.6 + 0.8)
    x, y = (values.astype(np.float64) for values in data.line_with_noise())
    noise = y - 3 * x - 2
    averages = [float(np.mean(noise * by)) for by in (1, x, noise)]
    assert [f"{value:.5f}" for value in averages] == ["-0.06839", "0.06919", "1.02122"]


def masked(text: str) -> str:
    """Return a text without its numbers, of which processors differ in the last digits."""
    return re.sub(r"\d[\d,.]*(?:e[+-]\d+)?", "#", text)
