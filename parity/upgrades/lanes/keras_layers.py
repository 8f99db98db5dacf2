"""The layers of a Keras line, called on small inputs, in inference and in training."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np

from parity.upgrades.lanes.keras_calls import CALLS
from parity.upgrades.lanes.keras_gradients import GRADIENTS
from parity.upgrades.lanes.keras_making import Made, arguments_of, classes
from parity.upgrades.lanes.keras_task import Line, Probed, Task
from parity.upgrades.probe import REQUIRED, Array, Nudge, Target

MASKED: Final = "with a mask"
_GIVEN: Final[Mapping[str, Any]] = {
    "activation": "tanh",
    "axes": -1,
    "cell": {"$": "LSTMCell"},
    "cells": [{"$": "LSTMCell"}, {"$": "LSTMCell"}],
    "dims": [2, 1],
    "equation": "abc,cd->abd",
    "factor": 0.3,
    "filters": 2,
    "head_dim": 2,
    "height": 2,
    "height_factor": 0.3,
    "input_dim": 5,
    "kernel_size": 2,
    "key_dim": 2,
    "layer": {"$": "Dense"},
    "max_number": 2,
    "n": 2,
    "num_bins": 3,
    "num_heads": 2,
    "num_key_value_heads": 1,
    "num_query_heads": 2,
    "output_dim": 2,
    "pool_size": 2,
    "rate": 0.5,
    "scale": 0.5,
    "stddev": 0.3,
    "target_shape": [-1],
    "units": 3,
    "width": 2,
    "width_factor": 0.3,
}
_ADAPTIVE: Final = [f"Adaptive{how}Pooling{n}D" for how in ("Average", "Max") for n in (1, 2, 3)]
_OWN: Final[Mapping[str, Mapping[str, Any]]] = {
    "EinsumDense": {"output_shape": [None, 3]},
    "Bidirectional": {"layer": {"$": "LSTM"}},
    "GroupNormalization": {"groups": 2},
    "RandomPosterization": {"factor": 4},
    "CategoryEncoding": {"num_tokens": 5},
    "Discretization": {"bin_boundaries": [-0.5, 0.5]},
    "MelSpectrogram": {"fft_length": 4, "sequence_stride": 2, "num_mel_bins": 2},
    "STFTSpectrogram": {"frame_length": 4, "frame_step": 2, "fft_length": 4},
    **{name: {"output_size": 2} for name in _ADAPTIVE},
}  # beside those
_VALUES: Final[Mapping[str, tuple[Any, ...]]] = {
    **dict.fromkeys(("name", "dtype", "autocast", "noise_shape", "input_shape", "weights"), ()),
    **dict.fromkeys(("batch_size", "batch_shape", "batch_input_shape", "quantization_config"), ()),
    **dict.fromkeys(("lora_rank", "lora_alpha", "synchronized", "dynamic", "input_length"), ()),
    **dict.fromkeys(("layer", "cell", "cells", "backward_layer", "fill_value", "module"), ()),
    **dict.fromkeys(("value_range", "bounding_box_format", "data_layout"), ()),
    "trainable": (False,),
    "activation": ("tanh", "softmax"),
    "recurrent_activation": ("tanh",),
    "activity_regularizer": ({"$": "L2(0.1)"}, {"$": "L1(0.1)"}),
    "data_format": ("channels_first",),
    "padding": ("same", "causal"),
    "strides": (2,),
    "dilation_rate": (2,),
    "kernel_size": (1,),
    "pool_size": (1, 3),
    "units": (2,),
    "filters": (4,),
    "rate": (0.25,),
    "seed": (7,),
    "axis": (1,),
    "groups": (2, 1),
    "momentum": (0.6,),
    "epsilon": (0.03,),
    "mask_value": (0.5,),
    "merge_mode": ("sum", "ave"),
    "score_mode": ("concat",),
    "depth_multiplier": (2,),
    "output_padding": (0,),
    "dropout": (0.5,),
    "recurrent_dropout": (0.5,),
    "negative_slope": (0.2,),
    "max_value": (0.4,),
    "threshold": (0.3,),
    "reset_after": (False,),
    "implementation": (1,),
    "interpolation": ("nearest",),
    "fill_mode": ("constant",),
    "size": (3,),
    "cropping": (0,),
    "value_dim": (3,),
    "output_shape": (),
    "attention_axes": (),
    "power_iterations": (2,),
}
_SHAPES: Final[Mapping[int, tuple[int, ...]]] = {
    2: (2, 4),
    3: (2, 4, 3),
    4: (2, 4, 4, 2),
    5: (2, 3, 3, 3, 2),
    6: (1, 2, 2, 2, 2, 1),
}
_ONE, _LIST, _SEVERAL = "one", "a list", "several"  # ways to pass inputs
_RANKS: Final[Mapping[str, int]] = {"1D": 3, "2D": 4, "3D": 5}
_WAYS: Final = (
    *((_ONE, rank) for rank in (2, 3, 4, 5)),
    *((_LIST, rank) for rank in (2, 3)),
    (_SEVERAL, 3),
)
_Way = tuple[str, int]


def found(line: Line) -> Iterator[Probed]:
    """Yield the layers of the line."""
    module = line.module.layers
    for name, kind in classes(module, module.Layer):
        arguments = arguments_of(kind)
        target = Target(
            name=f"{line.name}.layers.{name}",
            kind="layer",
            arguments=arguments,
            given=_given(name, arguments),
            settings=("", MASKED) if _masks(kind) else ("",),
            values=_values(arguments),
            together=(),
        )
        # Found out at the first call of the layer, which most often is its base call.
        way = functools.cache(functools.partial(_way, line, target))
        yield Probed(target, functools.partial(_task, line, target.name, way))


def _masks(kind: Any) -> bool:
    return "mask" in inspect.signature(kind.call).parameters


def _given(name: str, arguments: Mapping[str, str]) -> dict[str, Any]:
    given = {key: _GIVEN[key] for key, v in arguments.items() if v == REQUIRED and key in _GIVEN}
    own = _OWN.get(name, {})
    return {**given, **{key: value for key, value in own.items() if key in arguments}}


def _values(arguments: Mapping[str, str]) -> dict[str, tuple[Any, ...]]:
    values: dict[str, tuple[Any, ...]] = {}
    for name in arguments:
        if name in _VALUES:
            values[name] = _VALUES[name]
        elif name.endswith("_regularizer"):
            values[name] = ({"$": "L2(0.1)"},)
        elif name.endswith("_initializer"):
            values[name] = ("he_normal",)
        elif name.endswith("_constraint"):
            values[name] = ()  # of variables, which an optimizer heeds
    return values


def _way(line: Line, target: Target) -> _Way:
    """Return the first way of passing inputs that a layer takes; the first of all if none."""
    ranks = [rank for ending, rank in _RANKS.items() if ending in target.name]
    taken = (rank for first in ranks for rank in (first, first + 1) if rank in _SHAPES)
    ways = [(_ONE, rank) for rank in taken] or list(_WAYS)
    for way in ways:
        try:
            _called(line, target.name, target.given, "", way).run(line, Nudge(0))
        except Exception:  # noqa: BLE001  # a framework raises what it likes
            continue
        return way
    return ways[0]


def _task(
    line: Line, name: str, way: Callable[[], _Way], arguments: Mapping[str, Any], setting: str
) -> Task:
    return _called(line, name, arguments, setting, way())


def _called(line: Line, name: str, arguments: Mapping[str, Any], setting: str, way: _Way) -> Task:
    passed, rank = way
    shape = _SHAPES[rank]
    random = np.random.default_rng(13)
    inputs: dict[str, Array] = {"x": np.round(random.normal(0, 1, shape), 2)}
    if "Embedding" in name or "Encoding" in name:
        inputs["x"] = random.integers(1, 5, shape)
    elif passed != _ONE:
        inputs["another"] = np.round(random.normal(0, 1, shape), 2)
    if setting == MASKED:
        inputs["mask"] = np.arange(shape[1]) < np.array([[shape[1]], [2]])
        if rank == 2:
            inputs["mask"] = np.array([True, False])
    inputs["weights"] = np.round(random.uniform(0.1, 0.9, 61), 2)
    options = {"derive": GRADIENTS[line.backend], "passed": passed}
    return Task(CALLS[line.name], Made(line.path(name), arguments), inputs, options)
