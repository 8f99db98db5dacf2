"""The argument audit: what it says of arguments whose effect is known, and what it survives."""

from __future__ import annotations

import argparse
import logging
import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity.arguments import add_options, audit, problem
from parity.arguments.audit import run
from parity.arguments.claim import Known, both, stale, unknown
from parity.arguments.framework import FRAMEWORKS, Source
from parity.arguments.outcome import Channel, Effect, Outcome, Trial
from parity.arguments.page import markdown
from parity.arguments.printing import lines
from parity.arguments.record import Record
from parity.arguments.run import audit_with_progress
from parity.arguments.target import Call, Run, Target
from parity.arguments.trials import trials
from parity.arguments.values import FALSY, VALUES, neutral, values_for
from parity.checks import test_arguments as check
from parity.compare import Status
from parity.lanes import Lane, installed
from parity.optimizers import RULES
from parity.parts import OPTIMIZERS
from parity.session import Session

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


def stepped(call: Call) -> Run:
    """Train six steps: `soon` acts from the first on, `late` from the fifth."""
    given = call.arguments
    steps = np.full(call.steps or 6, given.get("soon", 0.1)) + given.get("base", 0.0)
    steps[4:] += given.get("late", 0.0)
    TRAINED.append(len(steps))
    return Run({"w": np.cumsum(np.append(1.0, steps))})


TRAINED: list[int] = []
STEPPED = Target(
    "lib.Stepped",
    {"soon": 0.1, "late": 0.0, "base": 0.0},
    stepped,
    trials=("pair",),
    values={"soon": (0.3,), "late": (0.5,), "base": (0.2,)},
    early=2,
)


def test_a_pair_is_trained_to_the_end_only_where_the_first_steps_do_not_tell() -> None:
    TRAINED.clear()
    early = found(STEPPED)
    begun, whole = TRAINED.count(2), TRAINED.count(6)
    TRAINED.clear()
    assert early == found(replace(STEPPED, early=None))
    assert begun
    assert whole < TRAINED.count(6)


def test_what_differs_after_the_first_steps_is_found() -> None:
    assert found(STEPPED)["pair", "late", "", "soon"][0] is Effect.EFFECTIVE


def test_a_brief_audit_tries_one_value_of_each_argument_and_no_oracle() -> None:
    def judge(call: Call, run: Run) -> Status:
        raise AssertionError("the oracle was asked")

    target = replace(TARGET, judge=judge, trials=("argument",))
    tried = [trial.argument for trial, work in trials(target, (), brief=True) if work()]
    assert tried == ["lr", "rate", "mix", "on", "top", "fast", "n"]


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


def test_a_row_names_several_by_a_bar_and_leaves_out_what_it_excepts() -> None:
    row = Known("c.*|a.*", "*", "pair|spelling", "renamed", "the source", but="rate|lr")
    assert not row.about(outcome())
    assert replace(row, but="l").about(outcome())
    assert not replace(row, but="", kind="pair").about(outcome())
    assert both("Model.fit") == "keras.Model.fit|tf_keras.Model.fit"


def test_a_row_that_says_what_is_expected_stands_first_unless_something_was_said() -> None:
    trial = Trial("torch.optim.Rprop", "assigned group late", "lr", "0.7")
    row = "| assigned group late | lr | torch.optim.Rprop |  | a scheduler, or a rate set by hand"
    silent = Outcome("torch", "torch 1", trial, Effect.IGNORED)
    assert row in markdown([silent])
    assert row not in markdown([replace(silent, channel=Channel.LOG, said="lr is not used")])
    assert row not in markdown([replace(silent, effect=Effect.EFFECTIVE)])


def test_the_meanings_of_a_name_are_told_apart_by_framework() -> None:
    ignored = outcome(target="a.optimizers.B")
    refused = outcome(Effect.REFUSED, target="b.optimizers.B")
    page = markdown([ignored, refused, outcome(Effect.REFUSED, target="b.losses.C")])
    assert "| lr | a.optimizers | ignored 1 |\n| lr | b.optimizers | refused 1 |\n" in page
    assert "b.losses" not in page.partition("## Ignored and silent")[0]


def test_targets_are_shared_out_long_ones_first_and_where_most_is_left() -> None:
    offered = {"one": {"one.A": ["x"], "one.B": ["x", "y"], "one.C": []}, "two": {"two.A": ["x"]}}
    work = audit._Work(offered, {"one": "1", "two": "2"}, Record(), (), (), False, None)
    assert work.take("") == ("one", "one.B")
    assert work.take("") == ("two", "two.A")
    assert work.take("two") == ("one", "one.A")
    assert work.take("one") == ("one", "one.C")
    assert work.take("one") is None


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
    assert asked == [""]  # there was nothing left to do
    assert path.stat().st_size == size + len('{"cut o')


@pytest.mark.usefixtures("crashing")
@pytest.mark.parametrize("part", ["Two", ".two"])
def test_a_class_is_audited_alone_in_whatever_case_it_is_typed(part: str) -> None:
    outcomes = run(["crashing"], Record(), classes=[part])
    assert {outcome.trial.target for outcome in outcomes} == {"bad.Two"}


@pytest.mark.usefixtures("crashing")
@pytest.mark.parametrize(
    ("part", "likeliest"),
    [
        ("Tow", "; did you mean bad.Two?"),
        ("bad.tow", "; did you mean bad.Two?"),
        ("Momentum", ""),
    ],
)
def test_a_class_that_no_framework_has_is_refused_before_any_is_audited(
    part: str, likeliest: str
) -> None:
    record = Record()
    with pytest.raises(ValueError, match="class: no target") as refused:
        run(["crashing"], record, classes=["Two", part])
    wanted = f"class: no target of crashing has {part!r} in its name{likeliest}"
    assert str(refused.value) == wanted
    assert not record.outcomes


def test_a_framework_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(ValueError, match="'jx' is not in list"):
        run(["jx"], Record())
    options = argparse.Namespace(frameworks="jx", report=None)
    with pytest.raises(ValueError, match="expected one of keras, tf_keras, optax, torch, got 'jx'"):
        audit_with_progress(options)


def test_the_options_name_frameworks_classes_and_the_file() -> None:
    parser = argparse.ArgumentParser()
    add_options(parser)
    options = parser.parse_args(["--frameworks", "torch", "--class", "SGD", "--json", "a.jsonl"])
    assert (options.frameworks, options.classes, options.json) == (
        "torch",
        ["SGD"],
        Path("a.jsonl"),
    )


# The check of `pytest parity`


def rows(folder: Path, lanes: str | None = None, **given: Any) -> list[str]:
    return [row.id for row in Session(lanes=lanes, folder=folder, **given).rows("test_arguments")]


@pytest.mark.parametrize(
    ("lanes", "expected"),
    [
        ("torch:compile,torch", ["torch-torch"]),
        ("torch:compile", ["torch:compile-torch"]),
        ("keras@jax,keras@tensorflow", ["keras@tensorflow-keras"]),
        ("numpy32,tensorflow", []),
        (str(Path(__file__).with_name("lanes") / "example.py"), []),
    ],
)
def test_a_framework_is_audited_once_where_one_of_its_lanes_is_chosen(
    tmp_path: Path, lanes: str, expected: list[str]
) -> None:
    assert rows(tmp_path, lanes) == expected


def test_arguments_are_left_out_of_a_quick_run(tmp_path: Path) -> None:
    assert rows(tmp_path, "torch", profile="quick") == []


@pytest.fixture
def lane() -> Lane:
    return FRAMEWORKS["torch"].needs


def told(monkeypatch: pytest.MonkeyPatch, *outcomes: Outcome) -> None:
    monkeypatch.setattr(audit, "audit_framework", lambda _: list(outcomes))


def test_the_check_fails_with_what_is_ignored_and_not_known(
    monkeypatch: pytest.MonkeyPatch, lane: Lane
) -> None:
    new = Outcome(
        "torch", "torch 9", Trial("torch.optim.SGD", "argument", "x", "3"), Effect.IGNORED
    )
    told(monkeypatch, new)
    with pytest.raises(pytest.fail.Exception) as failure:
        check.test_arguments(lane, "torch")
    assert str(failure.value).splitlines() == [
        "torch: 1 ignored arguments that parity/arguments/known does not name, "
        "0 that it names and that are not ignored any more",
        "  torch.optim.SGD(x=3) trains as without it; nothing is said",
        "  again:  parity audit --frameworks=torch",
    ]


def test_the_check_fails_where_a_claim_is_no_longer_true(
    monkeypatch: pytest.MonkeyPatch, lane: Lane
) -> None:
    trial = Trial("keras.optimizers.SGD", "spelling", "decay", "0.4")
    told(monkeypatch, Outcome("keras", "keras 9", trial, Effect.EFFECTIVE))
    with pytest.raises(pytest.fail.Exception, match=r"no longer true: keras\.optimizers.*decay"):
        check.test_arguments(lane, "keras")


def test_the_check_passes_with_what_is_known(monkeypatch: pytest.MonkeyPatch, lane: Lane) -> None:
    trial = Trial("keras.optimizers.SGD", "spelling", "decay", "0.4")
    told(monkeypatch, Outcome("keras", "keras 9", trial, Effect.IGNORED))
    check.test_arguments(lane, "keras")


def test_the_check_is_skipped_where_the_framework_is_missing(
    monkeypatch: pytest.MonkeyPatch, lane: Lane
) -> None:
    monkeypatch.setattr(installed, "missing", lambda _: "torch is not installed (pip ...)")
    with pytest.raises(pytest.skip.Exception, match="torch is not installed"):
        check.test_arguments(lane, "torch")


# The report


REPORT = Path(__file__).parents[1] / "reports" / "arguments.md"


def report(title: str) -> list[tuple[str, ...]]:
    """Return the rows of the report's table under `title`."""
    section = REPORT.read_text("utf-8").partition(f"\n## {title}")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][2:]
    return [tuple(re.split(r" ?(?<!\\)\| ?", line)[1:-1]) for line in lines]


# What people lose training to: the trial, the argument, one of the targets, what it stands beside.
SEEN = {
    "a rate by its old name": ("spelling", "lr=", "tf_keras.optimizers.Adadelta", ""),
    "a rate by its old name, in the one legacy optimizer that does not read it": (
        *("spelling", "lr=", "tf_keras.optimizers.legacy.Ftrl", ""),
    ),
    "a rate beyond the cap, torch": ("values", "lr=20.0", "torch.optim.Adafactor", "lr=2.0"),
    "a rate beyond the cap, Keras": (
        *("values", "learning_rate=20.0", "keras.optimizers.Adafactor", "learning_rate=2.0"),
    ),
    "a warm-up without its target": (
        *("argument", "warmup_steps=4", "keras.optimizers.schedules.CosineDecay", ""),
    ),
    "a warm-up without its target, tf_keras": (
        *("argument", "warmup_steps=4", "tf_keras.optimizers.schedules.CosineDecay", ""),
    ),
    "the loss scale of an optimizer that another holds": (
        *("argument", "loss_scale_factor=", "keras.optimizers.MultiOptimizer(SGD)", ""),
    ),
    "a decaying rate by its old name": ("spelling", "decay=", "keras.optimizers.Adadelta", ""),
    "dampening without momentum": ("argument", "dampening=0.4", "torch.optim.SGD", ""),
    "the rate beside OneCycleLR": ("setting", "lr=", "torch.optim.Adam", "OneCycleLR"),
    "the rate beside CyclicLR": ("setting", "lr=", "torch.optim.Adam", "CyclicLR"),
    "the momentum beside OneCycleLR": ("setting", "momentum=", "torch.optim.SGD", "OneCycleLR"),
    "the momentum beside CyclicLR": ("setting", "momentum=", "torch.optim.SGD", "CyclicLR"),
    "the first beta beside OneCycleLR": (
        *("setting", "betas=(0.6, 0.999)", "torch.optim.Adam", "OneCycleLR"),
    ),
    "a decay to nothing": ("zero", "decay_rate=0", "optax.exponential_decay", ""),
    "no steps of transition": ("zero", "transition_steps=0", "optax.linear_schedule", ""),
    "no steps of decay": ("zero", "transition_steps=0", "optax.exponential_decay", ""),
    "the weight of a class that stands beside others": (
        *("setting", "class_weight=", "keras.Model.fit", "several labels a row"),
    ),
    "a reduction beside size_average": ("pair", "reduction", "torch.nn.BCELoss", "size_average"),
    "a negative index beside probabilities": (
        *("setting", "ignore_index=-1", "torch.nn.CrossEntropyLoss", "probabilities"),
    ),
    "the batch size of a dataset": ("setting", "batch_size=", "keras.Model.fit", "a dataset"),
    "the batch size of a dataset, tf_keras": (
        *("setting", "batch_size=", "tf_keras.Model.fit", "a dataset"),
    ),
    "the order of a dataset": ("setting", "shuffle=", "keras.Model.fit", "a dataset"),
    "the order of a dataset, tf_keras": ("setting", "shuffle=", "tf_keras.Model.fit", "a dataset"),
    "weights of classes by text": ("argument", "class_weight={'0'", "keras.Model.fit", ""),
    "weights of classes that do not exist": ("argument", "class_weight={7", "keras.Model.fit", ""),
    "a regularizer set on a layer that is built": (
        *("assigned", "kernel_regularizer=", "keras.layers.Dense", ""),
    ),
    "a constraint set on a layer that is built": (
        *("assigned", "kernel_constraint=", "keras.layers.Dense", ""),
    ),
    "a loss set on a compiled model": ("assigned", "loss='mae'", "keras.Model.compile", ""),
    "rows split off beside other validation data": (
        *("pair", "validation_split", "keras.Model.fit", "validation_data"),
    ),
    "a function of the step": (
        *("schedule", "learning_rate=lambda", "keras.optimizers.Adadelta", ""),
    ),
}


@pytest.mark.parametrize("what", SEEN)
def test_the_report_shows(what: str) -> None:
    kind, argument, target, beside = SEEN[what]
    titles = ("Ignored and silent", "Ignored, and said so", "Inert")
    every = [row for title in titles for row in report(title)]
    assert [
        row
        for row in every
        if (row[0], row[3]) == (kind, beside)
        and argument in row[1]
        and re.search(rf"{re.escape(target)}(,| and |$)", row[2])
    ]


def test_the_report_shows_that_a_name_of_a_group_is_not_looked_at() -> None:
    names = {
        row[1] for row in report("The ones that cost the most") if row[0] == "unknown group key"
    }
    assert names == {"learning_rate, momntum, wd"}


def test_the_report_shows_the_four_meanings_of_decay() -> None:
    meanings = {row[1]: row[2] for row in report("One name, several meanings") if row[0] == "decay"}
    assert meanings["keras.optimizers"].startswith("ignored")
    assert meanings["tf_keras.optimizers"].startswith("refused")
    assert meanings["tf_keras.optimizers.legacy"].startswith("effective")
    assert meanings["torch.optim"].startswith("refused")


@pytest.mark.parametrize(
    "what",
    [
        *("exclude_from_weight_decay", "optax.adadelta()", "optax.masked", "optax.chain"),
        *("a second scheduler", "raw variables", "a frozen parameter", "without a loss"),
        *("two inputs", "global_clipnorm"),
    ],
)
def test_the_report_says_what_is_out_of_reach_and_why(what: str) -> None:
    assert [why for name, why in report("Out of reach") if what in name and why]


def test_the_report_begins_with_what_costs_the_most() -> None:
    found = report("The ones that cost the most")
    assert len(found) >= 30
    assert all(expected and happens for *_, expected, happens in found)
