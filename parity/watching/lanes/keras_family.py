"""A Keras model and loss, of either line, as the oracle's own where they are of its family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]

# Activations of both lines, whose defaults are the oracle's.
_ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid", "gelu", "elu", "softplus", "silu", "swish")
_SPELLINGS = {"swish": "silu"}
# Layers that are an activation, with what their arguments must be.
_LAYERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "ReLU": ("relu", {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}),
    "LeakyReLU": ("leaky_relu", {"negative_slope": 0.01, "alpha": 0.01}),
    "ELU": ("elu", {"alpha": 1.0}),
}
_LOSSES = {
    "MeanSquaredError": ("squared_error", "values"),
    "MeanAbsoluteError": ("absolute_error", "values"),
    "Huber": ("huber", "values"),
    "CategoricalCrossentropy": ("softmax_cross_entropy", "dense"),
    "SparseCategoricalCrossentropy": ("softmax_cross_entropy", "integer"),
    "BinaryCrossentropy": ("binary_cross_entropy", "values"),
}
_FUNCTIONS = {"mean_squared_error": "squared_error", "mean_absolute_error": "absolute_error"}
_REDUCTIONS = {"sum_over_batch_size": "mean", "auto": "mean", "mean": "mean", "sum": "sum"}
_ADDED = (
    *("kernel_regularizer", "bias_regularizer", "activity_regularizer"),
    *("kernel_constraint", "bias_constraint"),
)


def described(
    library: Any, model: Any, loss: Any, names: Mapping[int, str]
) -> dict[str, Any] | None:
    """Return layers, loss and names for a header; None for what is not of the family.

    `library` is keras or tf_keras, `names` has the variables' by their ids.
    """
    layers, kept = _layers(library, model), _loss(library, loss)
    if layers is None or kept is None:
        return None
    found: dict[str, Any] = {"layers": [], "loss": kept[0], "names": {}}
    for number, (dense, activation) in enumerate(layers):
        bias = bool(dense.use_bias)
        if not dense.built or id(dense.kernel) not in names:
            return None
        found["layers"].append({"units": dense.units, "activation": activation, "bias": bias})
        found["names"][f"layer{number}/kernel"] = [names[id(dense.kernel)], False]
        if bias:
            found["names"][f"layer{number}/bias"] = [names[id(dense.bias)], False]
    return found


def target(library: Any, loss: Any, y: Array, units: int) -> Array:
    """Return a batch's targets in the shape that the oracle's loss has them in."""
    kept = _loss(library, loss)
    assert kept is not None
    return y.reshape(-1) if kept[1] == "integer" else y.reshape(-1, units)


def _layers(library: Any, model: Any) -> list[tuple[Any, str]] | None:
    layers: list[tuple[Any, str]] = []
    for layer in _flat(library, model):
        activation = _activation(library, layer)
        if layer is not None and type(layer) is library.layers.Dense and _plain(layer):
            name = _name(library, layer.activation)
            if name is None:
                return None
            layers.append((layer, name))
        elif activation is None or not layers or layers[-1][1] != "linear":
            return None
        else:
            layers[-1] = (layers[-1][0], activation)
    return layers or None


def _flat(library: Any, model: Any) -> Iterator[Any]:
    """Yield the layers of a chain; None where there is something else."""
    if type(model) is not library.Sequential and not _is_chain(library, model):
        yield None
        return
    for layer in model.layers:
        if isinstance(layer, library.Model):
            yield from _flat(library, layer)
        elif not isinstance(layer, library.layers.InputLayer):
            yield layer


def _is_chain(library: Any, model: Any) -> bool:
    """Return whether a functional model is one layer after the other."""
    if type(model).__name__ != "Functional" or not isinstance(model, library.Model):
        return False
    try:
        follows = [
            layer.input is before.output
            for before, layer in zip(model.layers, model.layers[1:], strict=False)
        ]
        return all(follows) and model.output is model.layers[-1].output
    except (AttributeError, ValueError):  # a layer that is used twice has no one input
        return False


def _plain(layer: Any) -> bool:
    """Return whether a layer adds nothing, and computes in the dtype of its weights."""
    policy = layer.dtype_policy
    same = policy.compute_dtype == policy.variable_dtype
    return same and all(getattr(layer, name, None) is None for name in _ADDED)


def _activation(library: Any, layer: Any) -> str | None:
    if layer is None:
        return None
    if type(layer) is library.layers.Activation:
        return _name(library, layer.activation)
    for name, (activation, fixed) in _LAYERS.items():
        if type(layer) is getattr(library.layers, name):
            given = layer.get_config()
            same = all(given[key] == value for key, value in fixed.items() if key in given)
            return activation if same else None
    return None


def _name(library: Any, activation: Any) -> str | None:
    for name in _ACTIVATIONS:
        if activation is getattr(library.activations, name, None):
            return _SPELLINGS.get(name, name)
    return None


def _loss(library: Any, loss: Any) -> tuple[dict[str, Any], str] | None:
    """Return a loss as `Case.to_dict` has it, and the kind of its labels."""
    if isinstance(loss, str) or not isinstance(loss, library.losses.Loss):
        return _function(library, loss)
    kind = type(loss).__name__
    if kind not in _LOSSES or type(loss) is not getattr(library.losses, kind):
        return None
    given = {**loss.get_config(), **getattr(loss, "_fn_kwargs", {})}
    logits = given.get("from_logits", True) is True and given.get("ignore_class") is None
    reduction = _REDUCTIONS.get(str(given.get("reduction")))
    if not logits or reduction is None or given.get("axis", -1) != -1:
        return None
    name, labels = _LOSSES[kind]
    told = {
        "name": name,
        "reduction": reduction,
        "delta": float(given.get("delta", 1.0)),
        "label_smoothing": float(given.get("label_smoothing", 0.0)),
        "class_weights": None,
    }
    return told, labels


def _function(library: Any, loss: Any) -> tuple[dict[str, Any], str] | None:
    try:
        function = library.losses.get(loss)
    except ValueError:
        return None
    for name, rule in _FUNCTIONS.items():
        if function is getattr(library.losses, name, None):
            told = {"name": rule, "reduction": "mean", "delta": 1.0, "label_smoothing": 0.0}
            return {**told, "class_weights": None}, "values"
    return None
