"""The argument audit: what it says of arguments whose effect is known, and what it survives."""

from __future__ import annotations

import argparse
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity.arguments import add_options, audit, problem
from parity.arguments.audit import AuditError, Record, Source, run
from parity.arguments.claim import Known, stale, unknown
from parity.arguments.outcome import Channel, Effect, Outcome, Trial
from parity.arguments.printing import lines, markdown
from parity.arguments.target import Call, Run, Target
from parity.arguments.trials import trials
from parity.arguments.values import FALSY, VALUES, neutral, values_for
from parity.case import OPTIMIZERS
from parity.compare import Status
from parity.optimizers import RULES

DOC = """An optimizer.

    fast (bool): whether a faster implementation is used.
    lr (float): the rate.
"""


def train(call: Call) -> Run:
    """Train one number: with `top` as a cap, `rate` unread, `mix` read beside `on` only."""
    known = {"lr": 0.1, "rate": 1.0, "mix": 0.5, "on": False, "top": 1.0, "fast": False, "n": None}
    given = {**known, **call.arguments}
    given.pop("decay", None)
    if "wd" in given:
        warnings.warn("wd is not used", UserWarning, stacklevel=1)
        given.pop("wd")
    if "old" in given:
        logging.getLogger("audited").warning("old is not used")
        given.pop("old")
    if set(given) - set(known):
        raise TypeError(f"unexpected {sorted(set(given) - set(known))}")
    step = min(given["lr"], given["top"])
    if given["on"]:
        step *= given["mix"]
    if given["n"] == 2:
        step = 0.25
    return Run({"w": np.array([1.0 - step])})


TARGET = Target(
    name="lib.Plain",
    arguments={
        "lr": 0.1,
        "rate": 1.0,
        "mix": 0.5,
        "on": False,
        "top": 1.0,
        "fast": False,
        "n": None,
    },
    run=train,
    doc=DOC,
    trials=("argument", "pair", "spelling", "falsy", "values"),
    values={"lr": (0.3, 2.0, 20.0), "n": (2,)},
)


def found(target: Target = TARGET, spellings: tuple[str, ...] = ("wd", "old", "decay", "x")) -> Any:
    seen = {}
    for trial, work in trials(target, spellings):
        outcome = work()
        if outcome is not None:
            seen[trial.kind, trial.argument, trial.value, trial.beside] = outcome
    return seen


def effects(kind: str, argument: str) -> set[tuple[Effect, str]]:
    return {
        (outcome[0], outcome[1])
        for (a_kind, name, _, _), outcome in found().items()
        if (a_kind, name) == (kind, argument)
    }


def test_an_argument_that_nothing_reads_is_ignored() -> None:
    assert effects("argument", "rate") == {(Effect.IGNORED, "")}


def test_an_argument_that_moves_training_is_effective_without_an_oracle() -> None:
    assert effects("argument", "lr") == {(Effect.EFFECTIVE, "")}


def test_an_argument_that_works_beside_another_is_inert_and_says_beside_which() -> None:
    assert effects("argument", "mix") == {(Effect.INERT, "matters beside on=True")}


def test_what_is_documented_to_change_the_implementation_is_inert() -> None:
    ((effect, why),) = effects("argument", "fast")
    assert effect is Effect.INERT
    assert why == "documented: whether a faster implementation is used."


def test_an_argument_that_does_nothing_beside_another_is_ignored_there() -> None:
    assert found()["pair", "lr", "", "n"][0] is Effect.IGNORED
    assert found()["pair", "n", "", "lr"][0] is Effect.EFFECTIVE


def test_a_value_beyond_a_cap_is_ignored() -> None:
    effect, why, *_ = found()["values", "lr", "20.0", "lr=2.0"]
    assert (effect, why) == (Effect.IGNORED, "lr=2.0 does the same")
    assert found()["values", "lr", "2.0", "lr=0.3"][0] is Effect.EFFECTIVE


def test_each_channel_is_told_apart() -> None:
    told = {name: found()["spelling", name, v, ""] for name, v in SPELLED.items()}
    assert {name: outcome[0] for name, outcome in told.items()} == dict.fromkeys(
        told, Effect.IGNORED
    )
    assert told["wd"][2:] == (Channel.WARNING, "wd is not used")
    assert told["old"][2:] == (Channel.LOG, "old is not used")
    assert told["decay"][2:] == (Channel.NOTHING, "")


SPELLED = {name: repr(values_for(name, None)[0]) for name in ("wd", "old", "decay")}


def test_an_unknown_spelling_is_refused_with_the_error() -> None:
    assert effects("spelling", "x") == {(Effect.REFUSED, "TypeError: unexpected ['x']")}


def test_zero_where_none_is_the_default_is_neutral_and_for_a_rate_it_is_not() -> None:
    assert found()["falsy", "n", "0", ""][0] is Effect.NEUTRAL
    assert neutral("weight_decay", 0.0, None)
    assert not neutral("clipnorm", 0.0, None)
    assert not neutral("eps", 0.0, 1e-7)


def test_a_zero_that_is_taken_for_the_default_is_ignored() -> None:
    def falls_back(call: Call) -> Run:
        return Run({"w": np.array([call.arguments.get("eps") or 1e-7])})

    target = Target("lib.Or", {"eps": 1e-7}, falls_back, trials=("falsy",))
    seen = found(target)
    assert seen["falsy", "eps", "0.0", ""][0] is Effect.IGNORED


def test_a_zero_as_good_as_any_small_number_is_neutral() -> None:
    def coarse(call: Call) -> Run:
        return Run({"w": np.array([max(call.arguments.get("tolerance", 1e-9), 1.0)])})

    target = Target("lib.Coarse", {"tolerance": 1e-9}, coarse, trials=("falsy",))
    assert found(target)["falsy", "tolerance", "0.0", ""][0] is Effect.NEUTRAL


def test_an_argument_must_matter_in_each_setting_of_a_strict_target() -> None:
    def fit(call: Call) -> Run:
        size = call.arguments.get("size", 1) if call.setting == "arrays" else 1
        return Run({"w": np.array([float(size)])})

    target = Target("lib.fit", {"size": 1}, fit, settings=("arrays", "a dataset"), strict=True)
    outcomes = [work() for trial, work in trials(target, ()) if trial.kind == "setting"]
    assert [outcome[0] for outcome in outcomes if outcome] == [Effect.IGNORED] * 2


def test_an_attribute_that_is_there_under_a_foreign_name_is_set_and_not_called_unknown() -> None:
    def plain(call: Call) -> Run:
        return Run({"w": np.array([call.late.get("lr", 0.1)])})

    kinds = ("assigned", "unknown attribute")
    target = Target("lib.Lr", {"rate": 1.0}, plain, trials=kinds, has=lambda name: name == "lr")
    seen = {(kind, name): effect for (kind, name, *_), (effect, *_) in found(target, NAMES).items()}
    assert seen["assigned", "lr"] is Effect.EFFECTIVE
    assert ("unknown attribute", "lr") not in seen
    assert seen["unknown attribute", "wd"] is Effect.IGNORED


NAMES = ("lr", "wd")


@pytest.mark.parametrize("name", sorted(VALUES))
def test_no_value_is_the_default(name: str) -> None:
    for default in (*VALUES[name], *FALSY):
        assert repr(default) not in map(repr, values_for(name, default))


@pytest.mark.parametrize("name", sorted(RULES))
def test_the_problem_shows_the_oracle_every_optimizer_and_its_arguments(name: str) -> None:
    case = problem.probe()
    stays = problem.STEPS + 1
    weights = {key: np.repeat(w[None], stays, axis=0) for key, w in case.weights.items()}
    arguments = dict(OPTIMIZERS[name])
    assert problem.verdict("torch", name, arguments, case.rates, None, weights) is Status.DIVERGE
    out_of_range = {**arguments, "weight_decay": -1.0}
    assert problem.verdict("torch", name, out_of_range, case.rates, None, weights) is None


def test_the_problems_gradients_range_over_decades_and_hold_zeros() -> None:
    for values in problem.gradients().values():
        sizes = np.abs(values[values != 0])
        assert sizes.max() > 1e2 * sizes.min()
        assert (values == 0).any()


def outcome(effect: Effect = Effect.IGNORED, target: str = "a.B", **fields: Any) -> Outcome:
    trial = Trial(target, "spelling", "lr", "0.3")
    return Outcome("a", "a 1.0", trial, effect, **fields)


def test_an_outcome_is_json_both_ways() -> None:
    one = outcome(channel=Channel.LOG, said="why \u00e9")
    assert Outcome.from_dict(one.to_dict()) == one
    with pytest.raises(ValueError, match="not an outcome"):
        Outcome.from_dict({"effect": "ignored"})


ROW = Known("a.*", "lr", "spelling", "renamed", "the source")


def test_an_ignored_argument_that_no_row_names_is_unknown() -> None:
    assert unknown([outcome()], [ROW]) == []
    assert unknown([outcome(target="c.D")], [ROW]) == [outcome(target="c.D")]
    assert unknown([outcome(Effect.REFUSED, target="c.D")], [ROW]) == []


def test_a_row_is_stale_when_its_trials_ran_and_none_was_ignored() -> None:
    assert stale([outcome(Effect.REFUSED)], [ROW]) == [ROW]
    assert stale([outcome(Effect.REFUSED), outcome(target="a.C")], [ROW]) == []
    assert stale([outcome(Effect.REFUSED, target="c.D")], [ROW]) == []


def test_ignored_and_silent_comes_first_and_what_is_alike_is_one_line() -> None:
    said = outcome(channel=Channel.LOG, said="no")
    shown = lines([outcome(Effect.REFUSED), said, outcome(), outcome(target="a.C")], [ROW])
    assert [(line.effect, line.channel, line.targets) for line in shown] == [
        (Effect.IGNORED, Channel.NOTHING, ("a.B", "a.C")),
        (Effect.IGNORED, Channel.LOG, ("a.B",)),
        (Effect.REFUSED, Channel.NOTHING, ("a.B",)),
    ]
    assert shown[0].claimed == "renamed"
    page = markdown([said, outcome()])
    assert page.index("## Ignored and silent (1 lines)") < page.index("## Ignored, and said so (1")


CRASHING = '''
"""A framework with two arguments, one of which ends the process."""
import os
import numpy as np
from parity.arguments.target import Run, Target

def train(call):
    if "fatal" in call.arguments:
        os.abort()
    return Run({"w": np.array([call.arguments.get("lr", 0.1)])})

def targets():
    return [Target("bad.One", {"fatal": 1.0, "lr": 0.1}, train, trials=("argument",)),
            Target("bad.Two", {"lr": 0.1}, train, trials=("argument",))]
'''


@pytest.fixture
def crashing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "crashing.py"
    path.write_text(CRASHING, encoding="utf-8")
    table: Mapping[str, Source] = {"crashing": Source("numpy32", ("numpy",), str(path))}
    monkeypatch.setattr(audit, "FRAMEWORKS", table)


@pytest.mark.usefixtures("crashing")
def test_a_crash_is_an_outcome_and_a_second_audit_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "audit.jsonl"
    first = run(["crashing"], Record(path))
    crashed = [outcome for outcome in first if outcome.effect is Effect.CRASHED]
    assert {outcome.trial.argument for outcome in crashed} == {"fatal"}
    assert "SIGABRT" in crashed[0].why
    effective = [outcome for outcome in first if outcome.effect is Effect.EFFECTIVE]
    assert {outcome.trial.target for outcome in effective} == {"bad.One", "bad.Two"}
    size = path.stat().st_size
    with path.open("a") as file:
        file.write('{"cut o')  # as an audit leaves it that is ended while writing
    asked: list[str] = []
    again = run(["crashing"], Record(path), progress=lambda *step: asked.append(step[1]))
    assert again == first
    assert asked == ["bad.One", "bad.Two", ""]
    assert path.stat().st_size == size + len('{"cut o')


@pytest.mark.usefixtures("crashing")
def test_a_class_is_audited_alone() -> None:
    outcomes = run(["crashing"], Record(), classes=["Two"])
    assert {outcome.trial.target for outcome in outcomes} == {"bad.Two"}


def test_a_framework_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(AuditError, match="expected some of keras, tf_keras, optax, torch, got jx"):
        run(["jx"], Record())


def test_the_options_name_frameworks_classes_and_the_file() -> None:
    parser = argparse.ArgumentParser()
    add_options(parser)
    options = parser.parse_args(["--frameworks", "torch", "--class", "SGD", "--json", "a.jsonl"])
    assert (options.frameworks, options.classes, options.json) == (
        "torch",
        ["SGD"],
        Path("a.jsonl"),
    )
