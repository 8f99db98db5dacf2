"""Changes that are planted in a made-up framework are found, and each gets the right kind."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity.upgrades import probing
from parity.upgrades.change import Change, Kind
from parity.upgrades.compare import Comparison
from parity.upgrades.noise import NUDGES, alike, apart, parting
from parity.upgrades.probe import REQUIRED, Arrays, Nudge, Probe, Seen, Target
from parity.upgrades.probing import Framework, ProbeError, Side, probes_of
from parity.upgrades.surface import changed

ARGUMENTS = {"lr": "0.1", "momentum": "0.0", "nesterov": "False"}
SGD = Target("fake.SGD", "optimizer", ARGUMENTS, settings=("", "a step of NaN"))
START, SLOPES = np.array([0.5, -1.25, 2.0]), np.array([[1.0, 0.3, -2.0], [0.2, 0.7, 0.1]] * 3)


def sgd(given: Mapping[str, Any], setting: str, nudge: Nudge) -> Arrays:
    """Train with momentum, as the made-up framework does."""
    lr, momentum = given.get("lr", 0.1), given.get("momentum", 0.0)
    weight, slopes, past = nudge(START), nudge(SLOPES), np.zeros(3)
    seen = [weight]
    for step, slope in enumerate(slopes):
        slope = slope * np.nan if setting and step == 2 else slope
        past = momentum * past + slope
        weight = weight - lr * (slope + momentum * past if given.get("nesterov") else past)
        seen.append(weight)
    return {"weight by step": np.stack(seen), "past": past}


@dataclass
class Fake:
    """A side without a process: a surface, and what a call comes to."""

    call: Callable[[Mapping[str, Any], str, Nudge], Arrays] = sgd
    target: Target = SGD
    said: tuple[str, ...] = ()
    framework: str = "fake"
    more: tuple[Target, ...] = ()
    ran: list[Probe] = field(default_factory=list)

    def describe(self) -> dict[str, Target]:
        return {target.name: target for target in (self.target, *self.more)}

    def run(self, probe: Probe, nudges: Sequence[int] = (0,)) -> list[Seen]:
        self.ran.append(probe)
        return [self._seen(probe, Nudge(seed)) for seed in nudges]

    def _seen(self, probe: Probe, nudge: Nudge) -> Seen:
        try:
            return Seen(self.call(probe.arguments, probe.setting, nudge), "", self.said)
        except ValueError as error:
            return Seen(error=f"ValueError: {error}")


def changes(old: Any, new: Any) -> list[Change]:
    return [one.change for one in Comparison(old, new).changes()]


def kinds(old: Any, new: Any) -> list[Kind]:
    return [change.kind for change in changes(old, new)]


def with_arguments(**arguments: str) -> Target:
    return Target("fake.SGD", "optimizer", arguments, settings=SGD.settings)


def otherwise(**given: Any) -> Callable[..., Arrays]:
    return lambda own, setting, nudge: sgd({**own, **given}, setting, nudge)


def test_the_same_release_twice_has_no_changes() -> None:
    assert changes(Fake(), Fake()) == []


def test_a_rule_that_moved_is_semantic_and_names_the_first_step() -> None:
    def moved(given: Mapping[str, Any], setting: str, nudge: Nudge) -> Arrays:
        return {**sgd(given, setting, nudge), "past": sgd(given, setting, nudge)["past"] * 1.01}

    def early(given: Mapping[str, Any], setting: str, nudge: Nudge) -> Arrays:
        return sgd({**given, "lr": given.get("lr", 0.1) * 1.0001}, setting, nudge)

    [change] = changes(Fake(), Fake(early))
    assert (change.kind, change.subject) == (Kind.SEMANTIC, "fake.SGD()")
    assert change.what.endswith("after step 1")
    assert kinds(Fake(), Fake(moved)) == [Kind.SEMANTIC]


def test_what_moves_in_one_setting_only_is_found_there() -> None:
    def moved(given: Mapping[str, Any], setting: str, nudge: Nudge) -> Arrays:
        return sgd(given, "", nudge)  # a step of NaN is skipped

    [change] = changes(Fake(), Fake(moved))
    assert (change.kind, change.subject) == (Kind.SEMANTIC, "fake.SGD() a step of NaN")
    assert "finite on one side" in change.why


def test_a_default_whose_effect_is_told() -> None:
    target = with_arguments(lr="0.1", momentum="0.5", nesterov="False")

    def new(given: Mapping[str, Any], setting: str, nudge: Nudge) -> Arrays:
        return sgd({"momentum": 0.5, **given}, setting, nudge)

    said, done = changes(Fake(), Fake(new, target))
    assert (said.kind, said.what, said.old, said.new) == (Kind.DEFAULT, "momentum", "0.0", "0.5")
    assert (done.kind, done.old, done.new) == (Kind.DEFAULT, "momentum=0.0", "momentum=0.5")
    assert "trains otherwise" in done.why


def test_a_default_without_effect_is_only_said() -> None:
    target = with_arguments(lr="0.1", momentum="0", nesterov="None")
    assert [c.what for c in changes(Fake(), Fake(sgd, target))] == ["momentum", "nesterov"]


def test_a_default_is_tried_in_the_main_setting_of_its_target() -> None:
    before = Target("fake.SGD", "optimizer", ARGUMENTS, settings=("a step of NaN",))
    after = Target("fake.SGD", "optimizer", {**ARGUMENTS, "lr": "0.2"}, settings=before.settings)
    new = Fake(sgd, after)
    changes(Fake(sgd, before), new)
    assert {probe.setting for probe in new.ran} == {"a step of NaN"}


def test_an_argument_that_was_ignored_changes_training() -> None:
    def old(given: Mapping[str, Any], setting: str, nudge: Nudge) -> Arrays:
        return sgd({**given, "momentum": 0.0}, setting, nudge)

    found = [c for c in changes(Fake(old), Fake()) if "nesterov" not in c.subject]
    assert [(c.kind, c.what, c.old, c.new) for c in found] == [
        (Kind.ARGUMENT, "momentum", "is ignored", "changes training")
    ]
    [back] = [c for c in changes(Fake(), Fake(old)) if "nesterov" not in c.subject]
    assert (back.old, back.new) == ("changes training", "is ignored")


def test_a_value_that_is_refused_is_about_its_argument() -> None:
    def refuses(given: Mapping[str, Any], setting: str, nudge: Nudge) -> Arrays:
        if given.get("nesterov"):
            raise ValueError("no such thing")
        return sgd(given, setting, nudge)

    [change] = changes(Fake(), Fake(refuses))
    assert (change.kind, change.what) == (Kind.ARGUMENT, "nesterov")
    assert (change.old, change.new) == ("accepted", "refused: ValueError: no such thing")


def test_a_call_that_fails_without_arguments_is_an_error() -> None:
    def fails(given: Mapping[str, Any], setting: str, nudge: Nudge) -> Arrays:
        raise ValueError("broken")

    [change] = changes(Fake(), Fake(fails))
    assert (change.kind, change.subject) == (Kind.ERROR, "fake.SGD()")
    assert changes(Fake(fails), Fake(fails)) == []


def test_a_place_that_moved_and_an_argument_that_came() -> None:
    after = with_arguments(lr="0.1", dampening="0.0", momentum="0.0", nesterov="False")
    came, place = changed("fake", {SGD.name: SGD}, {SGD.name: after})
    assert (came.kind, came.what, came.new) == (Kind.ARGUMENT, "dampening", "default 0.0")
    assert place.what == "the place of momentum"
    assert place.why == "given by place, argument 2 is dampening now"


def test_an_argument_that_comes_last_moves_nothing() -> None:
    after = with_arguments(**ARGUMENTS, maximize="False")
    assert [c.what for c in changed("fake", {"x": SGD}, {"x": after})] == ["maximize"]


def test_an_argument_that_is_required_now_is_about_the_argument() -> None:
    after = with_arguments(**{**ARGUMENTS, "lr": REQUIRED})
    [change] = changed("fake", {"x": SGD}, {"x": after})
    assert (change.kind, change.new) == (Kind.ARGUMENT, REQUIRED)


def test_a_warning_that_came_is_reported_once() -> None:
    [change] = changes(Fake(), Fake(said=("warning: soon gone",)))
    assert (change.kind, change.what) == (Kind.ARGUMENT, "what is said")
    assert (change.old, change.new) == ("nothing said", "warning: soon gone")


def test_gone_and_new() -> None:
    other = Target("fake.Adam", "optimizer", ARGUMENTS)
    assert kinds(Fake(more=(other,)), Fake()) == [Kind.GONE]
    assert kinds(Fake(), Fake(more=(other,))) == [Kind.NEW]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_in_another_order_are_rounding(dtype: str) -> None:
    rows = np.random.default_rng(3).normal(size=(40, 6)) * 10.0 ** np.arange(-3, 3)

    def summed(turn: int) -> Callable[[Mapping[str, Any], str, Nudge], Arrays]:
        def call(given: Mapping[str, Any], setting: str, nudge: Nudge) -> Arrays:
            weight, seen = nudge(START).astype(dtype), []
            for row in nudge(rows):
                total = np.zeros((), dtype)
                for value in row.astype(dtype)[::turn]:
                    total = total + value
                weight = weight - np.asarray(given.get("lr", 0.1), dtype) * total
                seen.append(weight)
            return {"weight by step": np.stack(seen)}

        return call

    found = changes(Fake(summed(1)), Fake(summed(-1)))
    assert [change.kind for change in found] == [Kind.ROUNDING]


def test_a_unit_of_bfloat16_is_rounding_where_all_is_bfloat16() -> None:
    old = Seen({"x": np.array([1.0, 1.5, -3.0], np.float32)})
    new = Seen({"x": np.array([1.0, 1.5078125, -3.0], np.float32)})
    assert apart([old] * (1 + len(NUDGES)), [new] * (1 + len(NUDGES))) is None
    fine = Seen({"x": np.array([1.0001, 1.5078125, -3.0], np.float32)})
    assert apart([old] * (1 + len(NUDGES)), [fine] * (1 + len(NUDGES))) is not None


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_what_is_finite_on_one_side_only_is_seen_from_both_sides(broken: float) -> None:
    one = [Seen({"gradient": np.array([1.0, 2.0])})] * (1 + len(NUDGES))
    other = [Seen({"gradient": np.array([1.0, broken])})] * (1 + len(NUDGES))
    for pair in ((one, other), (other, one)):
        found = apart(*pair)
        assert found is not None
        assert found.index == (1,)
        assert found.why == "finite on one side only"


def test_after_both_diverge_nothing_is_compared() -> None:
    rows = np.array([[1.0], [1e200], [np.inf], [3.0]])
    after = rows.copy()
    after[3] = -3.0
    old, new = Seen({"w by step": rows}), Seen({"w by step": after})
    assert parting(old, new, []) is None
    after[1] = 2e200
    found = parting(old, Seen({"w by step": after}), [])
    assert found is not None
    assert found.step == 1


def test_what_noise_makes_infinite_is_no_evidence() -> None:
    old, new = Seen({"w": np.array([1.0])}), Seen({"w": np.array([2.0])})
    assert parting(old, new, [Seen({"w": np.array([np.inf])})]) is None
    assert parting(old, new, [old]) is not None


def test_a_shape_that_changed_parts() -> None:
    old, new = Seen({"w": np.zeros(3)}), Seen({"w": np.zeros((3, 1))})
    assert not alike(old, new)
    found = parting(old, new, [])
    assert found is not None
    assert found.array == "shape of w"


def test_the_calls_to_try_start_with_the_main_setting_of_each_target() -> None:
    probes = list(probes_of([SGD]))
    assert probes[0] == Probe("fake.SGD")
    assert {name for probe in probes for name in probe.arguments} == set(ARGUMENTS)
    assert {len(probe.arguments) for probe in probes} == {0, 1, 2}
    assert all(probe.arguments.get("lr") != 0.1 for probe in probes)
    brief = list(probes_of([SGD], brief=True))
    assert {probe.setting for probe in brief} == {""}
    assert max(len(probe.arguments) for probe in brief) == 1


def test_a_pair_or_a_setting_is_tried_early_on_one_target_and_after_its_simpler_calls() -> None:
    targets = [replace(SGD, name=f"fake.{number}") for number in range(9)]
    keys = [probe.key for probe in probes_of(targets)]
    assert len(set(keys)) == len(keys)
    assert {probe.key for one in targets for probe in probes_of([one])} == set(keys)
    place = keys.index
    for call in ("(momentum=0.6, nesterov=True)", "(nesterov=True) a step of NaN"):
        assert place("fake.0(nesterov=True)") < place(f"fake.0{call}")
        assert place(f"fake.0{call}") < place("fake.8(nesterov=True)") < place(f"fake.1{call}")
    assert place("fake.0() a step of NaN") < place("fake.0(nesterov=True) a step of NaN")


LANE = """
    import os
    import time
    import numpy as np
    from parity.upgrades.probe import Target

    def targets():
        return [Target("fake.call", "function", {"how": "'well'"}, values={"how": ("ill",)})]

    def run(probe, nudge):
        if probe.arguments.get("how") == "crash":
            os._exit(3)
        while probe.arguments.get("how") == "hang":
            time.sleep(0.01)
        if probe.arguments.get("how") == "ill":
            raise ValueError("ill at /some/where/file.py:3, <object at 0x7f00>")
        return {"value": nudge(np.array([1.0, 2.0]))}

    def script(probe):
        return f"print({probe.key!r})"
"""


@pytest.fixture
def side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Side]:
    path = tmp_path / "lane.py"
    path.write_text(textwrap.dedent(LANE), encoding="utf-8")
    table = {"fake": Framework(str(path), ("numpy",), (("numpy",),))}
    monkeypatch.setattr(probing, "FRAMEWORKS", table)
    with Side("fake") as started:
        yield started


def test_a_side_describes_runs_and_writes_scripts(side: Side) -> None:
    assert list(side.describe()) == ["fake.call"]
    probe = Probe("fake.call")
    plain, moved = side.run(probe, (0, 1))
    assert plain.arrays["value"].tolist() == [1.0, 2.0]
    assert moved.arrays["value"].tolist() != [1.0, 2.0]
    assert side.script(probe) == "print('fake.call()')"


def test_a_crash_or_a_hang_is_what_comes_of_that_call_alone(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    well = side.run(Probe("fake.call"))[0]
    [crash] = side.run(Probe("fake.call", {"how": "crash"}))
    assert crash.error.startswith("crashed: ")
    assert alike(well, side.run(Probe("fake.call"))[0])
    with monkeypatch.context() as patch:
        patch.setattr(probing, "PATIENCE", 5.0)
        hung = side.run(Probe("fake.call", {"how": "hang"}), (0, 1))
    assert [seen.error for seen in hung] == ["hung: no reply within 5 s"] * 2
    assert alike(well, side.run(Probe("fake.call"))[0])


def test_an_error_is_told_without_what_differs_from_run_to_run(side: Side) -> None:
    [seen] = side.run(Probe("fake.call", {"how": "ill"}))
    assert seen.error == "ValueError: ill at file.py:3, <object>"


def test_a_framework_that_is_missing_or_does_not_import_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "broken.py"
    path.write_text("raise RuntimeError('worn out')", encoding="utf-8")
    table = {
        "broken": Framework(str(path), ("numpy",), ()),
        "absent": Framework(str(path), ("no-such-thing",), (("no-such-thing",),)),
    }
    monkeypatch.setattr(probing, "FRAMEWORKS", table)
    with pytest.raises(ProbeError, match="no-such-thing is not installed"):
        Side("absent")
    with Side("broken") as side, pytest.raises(ProbeError, match="worn out"):
        side.describe()
