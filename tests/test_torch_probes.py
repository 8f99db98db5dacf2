"""What PyTorch offers is found, runs the same twice, and each script shows what its probe shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from probes import assert_moved, assert_repeated, assert_shown_by_scripts, sgd_by_hand

from parity.upgrades.noise import alike
from parity.upgrades.probe import Probe
from parity.upgrades.probing import Side

OPTIM, NN = "torch.optim", "torch.nn"
SCRIPTS = (
    Probe(f"{OPTIM}.AdamW", {"betas": [0.6, 0.9]}, "foreach"),
    Probe(f"{OPTIM}.SGD", {"lr": {"$": "a tensor of 0.3"}}),
    Probe(f"{OPTIM}.LBFGS", {}, "closure"),
    Probe(f"{OPTIM}.lr_scheduler.SequentialLR", {}, "resumed"),
    Probe(f"{OPTIM}.swa_utils.get_ema_multi_avg_fn", {"decay": 0.6}),
    Probe(f"{NN}.CrossEntropyLoss", {"weight": {"$": "three weights"}}, "labels, far"),
    Probe(f"{NN}.BatchNorm1d", {}, "a line, evaluated"),
    Probe(f"{NN}.utils.clip_grad_norm_", {"norm_type": float("inf")}, "infinite"),
    Probe(f"{NN}.init.kaiming_normal_", {"mode": "fan_out"}, "float32"),
    Probe("torch.amp.GradScaler"),
)


@pytest.fixture(scope="module")
def side() -> Iterator[Side]:
    with Side("torch") as started:
        yield started


def test_the_kinds_of_what_is_offered(side: Side) -> None:
    found = side.describe()
    for name, kind in {
        f"{OPTIM}.Adam": "optimizer",
        f"{OPTIM}.SparseAdam": "optimizer",
        f"{OPTIM}.lr_scheduler.OneCycleLR": "schedule",
        f"{OPTIM}.swa_utils.AveragedModel": "wrapper",
        f"{NN}.CTCLoss": "loss",
        f"{NN}.GELU": "activation",
        f"{NN}.LSTM": "layer",
        f"{NN}.utils.clip_grad_value_": "transformation",
        f"{NN}.init.orthogonal_": "initializer",
    }.items():
        assert found[name].kind == kind
        assert found[name].settings
    assert {"foreach", "fused"} <= {*found[f"{OPTIM}.Adam"].settings}
    assert found[f"{OPTIM}.LBFGS"].settings[0] == "closure"
    assert found[f"{OPTIM}.Adam"].arguments["betas"] == "(0.9, 0.999)"


def test_every_main_call_runs_the_same_twice(side: Side) -> None:
    found = side.describe().items()
    assert_repeated(side, [Probe(name, {}, target.settings[0]) for name, target in found])


def test_moved_inputs_move_what_is_trained(side: Side) -> None:
    names = (f"{OPTIM}.Adam", f"{NN}.MSELoss", f"{NN}.Tanh", f"{NN}.utils.clip_grad_norm_")
    found = side.describe()
    assert_moved(side, [Probe(name, {}, found[name].settings[0]) for name in names])


def test_sgd_is_what_it_is_by_hand(side: Side) -> None:
    [seen] = side.run(Probe(f"{OPTIM}.SGD", {"lr": 0.5}))
    assert np.array_equal(seen.arrays["kernel by step"], sgd_by_hand(0.5))


def test_a_setting_changes_what_its_name_says(side: Side) -> None:
    adam = f"{OPTIM}.Adam"
    settings = ("", "a step of NaN", "float32", "100 steps", "two groups")
    plain, broken, single, long, groups = (side.run(Probe(adam, {}, s))[0] for s in settings)
    assert np.isnan(broken.arrays["kernel by step"][3:]).all()
    assert not np.isnan(broken.arrays["bias by step"]).any()
    assert single.arrays["kernel by step"].dtype == np.float32
    assert len(long.arrays["kernel by step"]) == 18
    rows = plain.arrays["kernel by step"], groups.arrays["kernel by step"]
    assert np.array_equal(*rows)
    assert not alike(plain, groups)


def test_each_script_shows_what_its_probe_shows(side: Side, tmp_path: Path) -> None:
    assert_shown_by_scripts(side, SCRIPTS, tmp_path)
