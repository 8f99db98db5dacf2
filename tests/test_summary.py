"""The table has a row for each lane, and a verdict is counted where a reader looks for it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity import records
from parity.case import Case
from parity.compare import Count, Divergence, Stage, Status, Verdict
from parity.known import Claim
from parity.lockstep import Result
from parity.parts import Layer, Loss, Optimizer
from parity.summary import rounded, table, times

CASE = Case(
    layers=(Layer(1),),
    loss=Loss("squared_error"),
    optimizer=Optimizer("adam"),
    rates=(0.5,),
    x=np.array([[1.0]]),
    y=np.array([[2.0]]),
    batches=((0,),),
    weights={"layer0/kernel": np.array([[0.5]]), "layer0/bias": np.array([0.25])},
)
CLAIM = Claim(
    lanes=("torch",),
    dial="clip_eps",
    value=1e-6,
    when={},
    why="",
    source="",
    package="torch",
    versions="==2.*",
)


def verdict(
    lane: str,
    status: str,
    *,
    problem: str = "linear",
    optimizer: str = "sgd",
    claims: tuple[str, ...] = (),
    **counts: dict[str, Any],
) -> dict[str, Any]:
    return {
        "lane": lane,
        "status": status,
        "problem": problem,
        "optimizer": optimizer,
        "claims": list(claims),
        "counts": counts,
    }


def count(judged: int, abstained: int, worst: float) -> dict[str, Any]:
    return {"judged": judged, "abstained": abstained, "diverged": 0, "worst": worst}


def rows(*verdicts: dict[str, Any]) -> list[list[str]]:
    """Return the table's lines up to the first empty one, in words."""
    lines = table(verdicts).splitlines()
    return [line.split() for line in lines[: lines.index("")]]


def test_columns_are_in_the_catalogs_order_however_lanes_finish() -> None:
    names = ["later", "lion", "adam", "sgd"]
    found = [verdict("torch", "agree", optimizer=name) for name in names]
    for order in (found, found[::-1]):
        assert table(order).splitlines()[0].split()[:5] == ["lane", "sgd", "adam", "lion", "later"]


def test_each_lane_is_a_row_with_its_counts_and_worst_score() -> None:
    heading, jax, torch = rows(
        verdict("torch", "agree", forward=count(90, 10, 0.25), update=count(99, 1, 0.5)),
        verdict("torch", "diverge", optimizer="adam", update=count(100, 0, 2931.4)),
        verdict("jax", "agree", claims=("eps",), update=count(4, 0, 0.125)),
    )
    assert " ".join(heading) == (
        "lane sgd adam agree claimed diverged abstained error worst unjudged"
    )
    assert torch == ["torch", ".", "x", "1", "1", "2,931", "10.00%", "forward"]
    assert jax == ["jax", "c", "1", "0.125", "0%"]


def test_a_lane_that_gave_no_trace_has_no_worst_score() -> None:
    assert rows(verdict("torch", "error"))[1] == ["torch", "E", "1"]


def test_a_cell_has_a_mark_for_each_problem() -> None:
    _, row = rows(
        verdict("torch", "agree", problem="linear"),
        verdict("torch", "error", problem="softmax"),
        verdict("torch", "abstain", problem="mlp"),
    )
    assert row[:2] == ["torch", ".E-"]


@pytest.mark.parametrize(
    ("statuses", "mark"),
    [
        (("agree", "diverge", "error"), "E"),
        (("agree", "abstain", "diverge"), "x"),
        (("abstain", "agree"), "."),
        (("abstain", "abstain"), "-"),
    ],
)
def test_a_mark_shows_what_a_reader_must_not_miss(statuses: tuple[str, ...], mark: str) -> None:
    _, row = rows(*(verdict("torch", status) for status in statuses))
    assert row[1] == mark


def test_every_mark_and_column_is_explained() -> None:
    text = table([verdict("torch", "agree")])
    for word in (". agrees", "c agrees with its claims", "x diverged", "- abstained", "E error"):
        assert word in text
    assert "worst: " in text
    assert "unjudged: " in text


@pytest.mark.parametrize(
    ("score", "shown"),
    [
        (0.0, "0"),
        (0.001234, "0.00123"),
        (0.25, "0.250"),
        (0.99999, "0.999"),
        (1.00001, "1.001"),
        (31.4159, "31.416"),
        (2931.4, "2,931"),
        (2.5e9, "2.5e+09"),
        (math.inf, "inf"),
    ],
)
def test_a_score_is_readable_and_stays_on_its_side_of_one(score: float, shown: str) -> None:
    assert times(score) == shown


# Verdicts as plain values


DIVERGED = Result(
    "torch",
    CASE,
    Verdict(
        Status.DIVERGE,
        {Stage.UPDATE: Count(4, 1, 2, math.inf), Stage.FORWARD: Count(1, 0, 0, 0.5)},
        Divergence(0, Stage.UPDATE, "layer0/bias", (0,), 1.0, math.nan, 1e-8, math.inf, 1, 1),
    ),
    (CLAIM,),
)


def test_a_verdict_crosses_xdist_as_plain_values() -> None:
    def kinds(value: object) -> set[type]:
        if type(value) is dict:
            return kinds(list(value)) | kinds(list(value.values()))
        if type(value) is list:
            return set().union(*map(kinds, value))
        return {type(value)}

    found = records.record("test_case[torch]", DIVERGED)
    assert kinds(found) <= {str, int, float, bool, type(None)}
    assert found["divergence"]["stage"] == "update"
    assert (found["problem"], found["optimizer"]) == ("linear", "adam")


def test_the_report_adds_up_each_lane_and_is_valid_json(tmp_path: Path) -> None:
    found = records.record("test_case[torch]", DIVERGED)
    records.write(tmp_path / "all.json", {"seed": 7}, [found, found])
    text = (tmp_path / "all.json").read_text("utf-8")
    report = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert report["seed"] == 7
    assert report["verdicts"][0]["divergence"]["seen"] == "nan"
    assert report["lanes"] == {
        "torch": {
            "agree": 0,
            "claimed": 0,
            "diverge": 2,
            "abstain": 0,
            "error": 0,
            "worst": "inf",
            "stages": {
                "update": {
                    "judged": 8,
                    "abstained": 2,
                    "diverged": 4,
                    "worst": "inf",
                    "unjudged": 0.2,
                },
                "forward": {
                    "judged": 2,
                    "abstained": 0,
                    "diverged": 0,
                    "worst": 0.5,
                    "unjudged": 0.0,
                },
            },
        }
    }


def test_agreement_with_a_claim_is_counted_as_claimed() -> None:
    agrees = Result("torch", CASE, Verdict(Status.AGREE), (CLAIM,))
    assert records.kind(records.record("a", agrees)) == "claimed"
    assert records.kind(records.record("a", DIVERGED)) == "diverge"


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (0.01234, "0.0123"),
        (12.34, "12.3"),
        (999.4, "999"),
        (1234.5, "1,230"),
        (1.6794e6, "1,680,000"),
    ],
)
def test_three_digits_count(number: float, told: str) -> None:
    assert rounded(number) == told
