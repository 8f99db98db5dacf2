"""What an optax transformation is made of, read from the closures of its functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import jax
from optax import GradientTransformation, MaskedNode


@dataclass(frozen=True, slots=True)
class Link:
    """One transformation of a chain. `kind` is optax's name for it, `given` what it closes over.

    `names` are the tensors that it is applied to. Numbers may be traced.
    """

    kind: str
    given: Mapping[str, Any]
    state: Any
    names: frozenset[str]


def links(of: GradientTransformation, state: Any, tree: Any, extra: Any) -> Iterator[Link]:
    """Yield the links of a transformation in the order in which they are applied to `tree`."""
    kind, given = _made(of.update), {**_closure(of.init), **_closure(of.update)}
    inside = _INSIDE.get(kind)
    if inside is None:
        yield Link(kind, given, state, frozenset(named(tree)))
        return
    for part, its_state, its_tree in inside(given, state, tree, extra):
        yield from links(part, its_state, its_tree, extra)


def named(tree: Any) -> dict[str, Any]:
    """Return the leaves of a pytree by their paths, such as layer0/kernel."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {
        jax.tree_util.keystr(path, simple=True, separator="/") or "params": leaf
        for path, leaf in leaves
    }


def _made(update: Callable[..., Any]) -> str:
    """Return the name of optax's function that made `update`; of anything else, its own name."""
    plain = inspect.unwrap(update)
    name = str(getattr(plain, "__qualname__", type(plain).__name__))
    own = str(getattr(plain, "__module__", "")).partition(".")[0] == "optax"
    return name.partition(".<locals>")[0] if own else f"{name} (not optax's)"


def _closure(function: Callable[..., Any], deep: bool = True) -> dict[str, Any]:
    """Return what a function closes over, and what functions in it close over."""
    plain = inspect.unwrap(function)
    if not inspect.isfunction(plain):
        return {}
    own = {}
    for name, cell in zip(plain.__code__.co_freevars, plain.__closure__ or (), strict=True):
        with suppress(ValueError):  # of what a branch that was not taken would have defined
            own[name] = cell.cell_contents
    inner = [value for value in own.values() if deep and inspect.isfunction(value)]
    return {**{k: v for each in inner for k, v in _closure(each, False).items()}, **own}


Parts = Iterator[tuple[GradientTransformation, Any, Any]]


def _chained(given: Mapping[str, Any], state: Any, tree: Any, extra: Any) -> Parts:
    pairs = zip(given["init_fns"], given["update_fns"], state, strict=True)
    for init, update, its_state in pairs:
        yield GradientTransformation(init, update), its_state, tree


def _named_chain(given: Mapping[str, Any], state: Any, tree: Any, extra: Any) -> Parts:
    for name, part in given["transforms"]:
        yield part, state[name], tree


def _wrapped(given: Mapping[str, Any], state: Any, tree: Any, extra: Any) -> Parts:
    yield given["tx"], state, tree


def _masked(given: Mapping[str, Any], state: Any, tree: Any, extra: Any) -> Parts:
    mask = given["mask"]
    calls = jax.tree.leaves(jax.tree.map(callable, mask))
    mask = mask(tree) if calls and all(calls) else mask
    yield given["inner"], state.inner_state, _covered(mask, tree)


def _partitioned(given: Mapping[str, Any], state: Any, tree: Any, extra: Any) -> Parts:
    labels = given["param_labels"]
    labels = labels(tree) if callable(labels) else labels
    for group, part in given["transforms"].items():
        mask = jax.tree.map(lambda label, group=group: label == group, labels)
        yield part, state.inner_states[group].inner_state, _covered(mask, tree)


def _injected(given: Mapping[str, Any], state: Any, tree: Any, extra: Any) -> Parts:
    numbers = dict(state.hyperparams)
    for name, schedule in given["sched_hps"].items():
        numbers[name] = jax.numpy.asarray(schedule(state.hyperparams_states[name], **extra))
    made = given["inner_factory"](**given["other_hps"], **numbers)
    yield made, state.inner_state, tree


def _covered(mask: Any, tree: Any) -> Any:
    return jax.tree.map(lambda on, part: part if on else MaskedNode(), mask, tree)


# How what a transformation consists of is found in its closure and its state.
_INSIDE: Mapping[str, Callable[[Mapping[str, Any], Any, Any, Any], Parts]] = {
    "chain": _chained,
    "named_chain": _named_chain,
    "with_extra_args_support": _wrapped,
    "masked": _masked,
    "partition": _partitioned,
    "inject_hyperparams": _injected,
}
