"""What frameworks call things: complete, both ways, and a sentence where a release has it not."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

import pytest

from parity.lanes import Lane, Refused
from parity.lanes.catalog import LANES
from parity.lanes.spelling import (
    KERAS,
    LEGACY,
    OPTAX,
    TF_KERAS,
    TORCH,
    TORCH_PAIRS,
    VERSION_1,
    Spelling,
    kinds,
)

MODULES: Mapping[str, Mapping[str, Spelling]] = {
    "parity.lanes.keras": KERAS,
    "parity.lanes.tf_keras": TF_KERAS,
    "parity.lanes.torch": TORCH,
    "parity.lanes.jax": OPTAX,
}
MODES = {"tf_keras:legacy": LEGACY, "tensorflow:v1": VERSION_1}
SPELLED = [lane for lane in LANES if lane.module in MODULES or lane.name in MODES]


@pytest.mark.parametrize("lane", SPELLED, ids=lambda lane: lane.name)
def test_each_hyperparameter_that_a_lane_passes_on_has_a_name(lane: Lane) -> None:
    spellings = MODES[lane.name] if lane.name in MODES else MODULES[lane.module]
    pairs = {name for pair in TORCH_PAIRS.values() for name in pair}
    assert set(lane.optimizers) <= set(spellings)
    for optimizer, names in lane.optimizers.items():
        spelled = {*spellings[optimizer].arguments}
        missing = {*names} - spelled
        assert missing <= (pairs if spellings is TORCH else set())


@pytest.mark.parametrize("spelling", [KERAS["ftrl"], LEGACY["nadam"], OPTAX["rmsprop"]])
def test_what_is_spelled_is_read(spelling: Spelling) -> None:
    given = {name: 0.25 + number for number, name in enumerate(spelling.arguments)}
    assert spelling.read(spelling.spelled(given)) == given


def test_a_number_with_the_other_sign_and_one_that_is_not_passed_on() -> None:
    given = {"power": 0.5, "lambda1": 0.1, "dampening": 0.0}
    assert KERAS["ftrl"].spelled(given) == {
        "learning_rate_power": -0.5,
        "l1_regularization_strength": 0.1,
    }


def test_none_is_read_as_zero() -> None:
    assert OPTAX["sgd"].read({"momentum": None, "nesterov": False}) == {
        "momentum": 0.0,
        "nesterov": False,
    }


def test_an_optimizer_that_a_release_lacks_is_refused_and_the_others_are_found() -> None:
    old = SimpleNamespace(__name__="keras.optimizers", SGD=dict, Adam=list)
    with pytest.raises(Refused, match=r"^keras\.optimizers has no Lamb$"):
        KERAS["lamb"].found_in(old)
    assert kinds(old, KERAS) == {dict: "sgd", list: "adam"}
    assert KERAS["sgd"].found_in(old)(lr=0.1) == {"lr": 0.1}


def test_a_switch_makes_another_optimizer_of_a_class() -> None:
    module = SimpleNamespace(Adam=dict)
    assert KERAS["amsgrad"].is_of(module, dict, {"amsgrad": True})
    assert not KERAS["amsgrad"].is_of(module, dict, {"amsgrad": False})
    assert KERAS["adam"].is_of(module, dict, {"amsgrad": False})
    assert not KERAS["adam"].is_of(module, dict, {"amsgrad": True})
    assert not KERAS["adam"].is_of(module, list, {})
