"""Watch a Keras loop, of either line, by wrapping instances; all is put back when a block ends.

A compiled train step shows its gradients as further results of the function that Keras compiles,
so that nothing is computed anew. An update in a loop of the user's own is looked at on the spot, or
from a `tf.function` by a call out of its graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np

from parity.watching.lanes.keras_asked import Asked
from parity.watching.lanes.keras_library import Library, put
from parity.watching.lanes.keras_notes import Notes
from parity.watching.lanes.keras_steps import One, Seen, State, Steps, pair, read, wide
from parity.watching.recording import Recording

_SEEN = "parity/seen"


@contextmanager
def watched(
    model: Any,
    optimizer: Any,
    loss: Any,
    recording: Recording,
    library: Library,
    roots: tuple[type, ...],
) -> Iterator[Any]:
    """Record what happens to `model` and its optimizers, of the `roots`, until the block ends."""
    if not isinstance(model, library.module.Model):
        raise ValueError(f"expected a {library.module.__name__} model, got {model!r}")
    if optimizer is not None and not isinstance(optimizer, roots):
        raise ValueError(
            f"expected an optimizer of {library.module.__name__} beside the model, "
            f"got {optimizer!r}"
        )
    asked = Asked(roots)
    watcher = _Watcher(model, optimizer, loss, recording, library, asked)
    with ExitStack() as stack:
        for each in asked.patches():
            stack.enter_context(each)
        watcher.wrap(stack)
        yield optimizer if optimizer is not None else getattr(model, "optimizer", None)


class _Watcher:
    def __init__(
        self,
        model: Any,
        optimizer: Any,
        loss: Any,
        recording: Recording,
        library: Library,
        asked: Asked,
    ) -> None:
        self.model, self.library, self.native = model, library, library.native
        self.asked = asked
        self.fixed = optimizer is not None  # whatever the model is compiled with
        self.optimizer: Any = None
        self.loss = loss
        self.steps = Steps(library, model, loss, recording, asked)
        self.stack = ExitStack()
        self.compiled = False  # anew, since the block began
        self.before: State | None = None
        self.captured: list[Any] = []  # of a train step: Seen, or tensors by name
        self.taken: Seen | None = None
        self.notes = Notes(self.steps, model, loss)
        if optimizer is not None:
            self.adopt(optimizer)

    def wrap(self, stack: ExitStack) -> None:
        """Wrap all that is looked at; `stack` puts it back."""
        stack.callback(self.finish)
        stack.enter_context(self.stack)
        self.adopt(getattr(self.model, "optimizer", None))
        self._wrap_training(stack)
        stack.enter_context(self.native.looking(self.notes))
        kind = type(self.model)
        stack.enter_context(patch.object(kind, "__call__", self.notes.called(kind.__call__)))
        if isinstance(self.loss, self.library.module.losses.Loss):
            kind = type(self.loss)
            stack.enter_context(patch.object(kind, "__call__", self.notes.lost(kind.__call__)))

    def finish(self) -> None:
        """Write the last step."""
        self.steps.finish(self.optimizer)

    def adopt(self, optimizer: Any) -> None:
        """Look at this optimizer from now on."""
        if optimizer is None or optimizer is self.optimizer or (self.fixed and self.optimizer):
            return
        if self.optimizer is not None:
            self.stack.close()
            if self.steps.count:
                self.steps.why = "the model was compiled again, with another optimizer"
        self.optimizer = optimizer
        self.asked.unread(optimizer)  # now, while its variables can be read
        name = self.library.apply
        put(self.stack, optimizer, name, self._applying(getattr(optimizer, name)))

    def _wrap_training(self, stack: ExitStack) -> None:
        model = self.model
        made = getattr(model, "train_function", None)
        own = type(model).train_step is self.library.module.Model.train_step
        put(stack, model, "train_step", self._stepping(model.train_step, own=own))
        put(stack, model, "make_train_function", self._making(model.make_train_function))
        put(stack, model, "compile", self._compiling(model.compile))
        if made is not None:
            model.train_function = None  # the next one is made of the wrapped step

        def put_back() -> None:
            if made is not None or getattr(model, "train_function", None) is not None:
                model.train_function = None if self.compiled else made

        stack.callback(put_back)

    def _compiling(self, compile_: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **kwargs: Any) -> Any:
            found = compile_(*args, **kwargs)
            self.compiled = True
            self.adopt(self.model.optimizer)
            return found

        return noted

    def _making(self, make: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **kwargs: Any) -> Any:
            self.adopt(self.model.optimizer)
            found = make(*args, **kwargs)
            if not getattr(self.model.train_function, "_parity", False):
                self.model.train_function = self._training(self.model.train_function)
            return found if found is None else self.model.train_function

        return noted

    def _training(self, train: Callable[..., Any]) -> Callable[..., Any]:
        def trained(*args: Any) -> Any:
            if self.optimizer is None:
                return train(*args)
            eager = "eager fit" if self.model.run_eagerly else "fit"
            self.steps.how, self.taken = eager, None
            self.steps.know()
            with self._scope(args[0] if len(args) > 1 else None):
                self.before = self.steps.state(self.optimizer)
            result = train(*args)
            logs, state = result if len(args) > 1 else (result, None)
            if isinstance(logs, dict) and _SEEN in logs:
                self._ready()
                self._begun(logs[_SEEN]["fresh"])
                self.taken = self._seen(logs[_SEEN])
                logs = logs["logs"]
            if self.taken is not None:
                with self._scope(state):
                    after = self.steps.state(self.optimizer)
                self.steps.add(self.optimizer, self.before, self.taken, after)
            return (logs, state) if len(args) > 1 else logs

        trained._parity = True  # type: ignore[attr-defined]  # so that it is wrapped once
        return trained

    def _scope(self, state: Any) -> Any:
        if state is None:
            return nullcontext()
        return self.library.scope(self.model, self.model.optimizer, state)

    def _ready(self) -> None:
        """Look at the model's family once all of its variables are known."""
        if not self.steps.count:
            self.steps.loss = self.loss or getattr(self.model, "loss", None)
            self.steps.describe()

    def _stepping(self, step: Callable[..., Any], *, own: bool) -> Callable[..., Any]:
        def stepped(*args: Any) -> Any:
            self.captured = []
            losses: list[Any] = []
            outer, self.notes.inside = self.notes.inside, True
            try:
                with self.library.loss_seen(self.model, losses):
                    result = step(*args)
            finally:
                self.notes.inside = outer
            if len(self.captured) != 1:
                if self.captured:
                    self.steps.why = "a train step applied gradients more than once"
                return result
            self._ready()
            batch = {}
            if own and len(losses) == 1 and self.steps.family is not None:
                batch = {**pair(args[-1]), "loss": losses[0]}
            told = self.captured[0]
            if isinstance(told, Seen):
                self.taken = replace(told, batch=self.steps.batch(batch))
                return result
            told = {**told, **batch}
            if len(args) > 1:
                return {_SEEN: told, "logs": result[0]}, *result[1:]
            return {_SEEN: told, "logs": result}

        return stepped

    def _applying(self, apply: Callable[..., Any]) -> Callable[..., Any]:
        def applied(*args: Any, **kwargs: Any) -> Any:
            pairs, args = self.library.pairs(self.optimizer, args, kwargs)
            self._meet(pairs)
            if self.notes.inside:
                told = {"gradients": self.notes.told(pairs)["gradients"]}
                fresh = self._fresh(told)
                if self._symbolic(told):
                    self.captured.append({**told, "fresh": fresh})
                else:  # read before the update, which may write into them on PyTorch
                    self._begun(fresh)
                    self.captured.append(self._seen(told))
                return apply(*args, **kwargs)
            self.notes.inside = True
            try:
                return self._updated(pairs, lambda: apply(*args, **kwargs))
            finally:
                self.notes.inside = False

        return applied

    def _meet(self, pairs: list[tuple[Any, Any]]) -> None:
        """Get to know the variables that an optimizer is given."""
        self.steps.know(variable for _, variable in pairs)
        self.steps.given(variable for _, variable in pairs)

    def _fresh(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Return the variables that the train step has just built, as its update finds them."""
        known = {} if self.before is None else self.before.weights
        new = [one for one in self.steps.ones.values() if one.name not in known]
        if self._symbolic(told):
            return {one.name: self._slim_one(one) for one in new}
        now = self.steps.state(self.optimizer).weights if new else {}
        return {one.name: now[one.name] for one in new}

    def _begun(self, fresh: Mapping[str, Any]) -> None:
        """Add what the train step has built to what was known when it began."""
        assert self.before is not None
        arrays = {name: wide(np.array(self.native.array(value))) for name, value in fresh.items()}
        self.before = replace(self.before, weights={**arrays, **self.before.weights})

    def _updated(self, pairs: list[tuple[Any, Any]], apply: Callable[[], Any]) -> Any:
        """Apply gradients in a loop of the user's own, and take the step down."""
        self._ready()
        told = {**self.notes.told(pairs), **self.notes.computed()}
        if self._symbolic(told):
            return self._traced(told, apply)
        self.steps.how = "loop"
        before = self.steps.state(self.optimizer)
        seen = self._seen(told)
        result = apply()
        self.steps.add(self.optimizer, before, seen, self.steps.state(self.optimizer))
        self.notes.updated(pairs)
        return result

    def _symbolic(self, told: Mapping[str, Any]) -> bool:
        return any(map(self.native.symbolic, told["gradients"].values()))

    def _seen(self, told: Mapping[str, Any]) -> Seen:
        return self.steps.seen(told, self.optimizer)

    def _traced(self, told: Mapping[str, Any], apply: Callable[[], Any]) -> Any:
        """Have the graph that is being traced say at each run what its update did."""
        optimizer, before = self.optimizer, self._slim()
        result = apply()

        def take(arrays: Mapping[str, Any]) -> None:
            self.steps.how = "graph"
            one, other = (read(arrays[when]) for when in ("before", "after"))
            self.steps.add(optimizer, one, self.steps.seen(arrays["told"], optimizer), other)

        whole = {"before": before, "told": dict(told), "after": self._slim()}
        if before is None or not self.native.tell(take, whole):
            self.steps.why = "the loop compiled its update, which shows nothing of itself"
        self.notes.updated(None)
        return result

    def _slim(self) -> dict[str, Any] | None:
        rate = self.library.rate(self.optimizer)
        try:
            return {
                "weights": {one.name: self._slim_one(one) for one in self.steps.ones.values()},
                "iteration": self.native.dense(self.library.iteration(self.optimizer)),
                "rate": self.native.dense(float("nan") if rate is None else rate),
            }
        except NotImplementedError:
            return None

    def _slim_one(self, one: One) -> Any:
        return self.native.slim(self.library.tensor(one.variable), one.places)
