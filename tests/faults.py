"""The planted faults: what is wrong, where it shows first, and how a run is spoiled by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import Any

import faulty_adafactor as factors
import faulty_passes as passes
import faulty_rules as rules
import faulty_runs as runs
import numpy as np
from faulty_passes import gradients
from faulty_runs import Spoiled, altered, for_case, given, only, replaced, ruled, wrapped

from parity.compare import Stage
from parity.lanes import numpy32
from parity.lanes.numpy32 import updates
from parity.lanes.numpy32.activations import ACTIVATIONS, sigmoid
from parity.lanes.numpy32.losses import LOSSES
from parity.parts import OPTIMIZERS
from parity.trace import Trace

FORWARD, BACKWARD, STATE, UPDATE = Stage


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, in each of some optimizers and on each of some problems.

    `stage` is the first at which it must show. A fault of the state shows in `slot` (in any, where
    none is named); in the update where a trace has no such slot.
    """

    name: str
    stage: Stage
    optimizers: tuple[str, ...]
    problems: tuple[str, ...]
    train: Spoiled
    slot: str = ""

    @property
    def plants(self) -> tuple[tuple[str, str], ...]:
        """The optimizers, each with one problem; all problems in turn."""
        count = max(len(self.optimizers), len(self.problems))
        pairs = zip(cycle(self.optimizers), cycle(self.problems), strict=False)
        return tuple(dict.fromkeys(islice(pairs, count)))

    def shows_in(self, trace: Trace) -> Stage:
        """Return the stage at which a trace must first part from the oracle."""
        seen = self.slot in trace.state if self.slot else bool(trace.state)
        return Stage.UPDATE if self.stage is Stage.STATE and not seen else self.stage


ALL = ("linear", "softmax", "mlp")
VALUES = ("linear", "mlp")
CLASSES = ("softmax", "mlp")
MLP = ("mlp",)
LINEAR = ("linear",)
SOFTMAX = ("softmax",)

EVERY = tuple(OPTIMIZERS)
RATED = tuple(name for name in OPTIMIZERS if name != "ftrl")  # whose rate is in the last step only
BETAS = ("adam", "adamw", "amsgrad", "adamax", "nadam", "radam", "lamb")
ADAMS = ("adam", "adamw", "amsgrad", "nadam")
COUPLED = (
    "sgd", "adam", "amsgrad", "adamax", "nadam", "radam", "rmsprop", "adagrad", "adadelta", "ftrl",
)  # fmt: skip
DECOUPLED = ("adamw", "lion", "adafactor")
ROOTED = (*ADAMS, "adagrad", "lamb")
SGD = ("sgd",)
ADAM = ("adam",)
LION = ("lion",)
RMSPROP = ("rmsprop",)
ADAGRAD = ("adagrad",)
ADADELTA = ("adadelta",)
ADAMAX = ("adamax",)
AMSGRAD = ("amsgrad",)
NADAM = ("nadam",)
RADAM = ("radam",)
LAMB = ("lamb",)
FTRL = ("ftrl",)
ADAFACTOR = ("adafactor",)
# Adafactor's first step forgets what was there: its beta2 is 0.
REMEMBERING = tuple(name for name in EVERY if name != "adafactor")

# fmt: off
ARGUMENTS = (
    Fault("momentum ignored", UPDATE, ("sgd", "rmsprop"), LINEAR, given(runs.without("momentum"))),
    Fault("nesterov ignored", UPDATE, SGD, ALL, given(runs.without("nesterov"))),
    Fault("dampening ignored", STATE, SGD, ALL, given(runs.without("dampening"))),
    Fault("coupled decay ignored", STATE, COUPLED, SOFTMAX, given(runs.without("weight_decay"))),
    Fault("decoupled decay ignored", UPDATE, DECOUPLED, ALL, given(runs.without("weight_decay"))),
    Fault("beta1 ignored", STATE, BETAS, LINEAR, given(runs.without("beta1"))),
    Fault("beta1 ignored by lion", UPDATE, LION, ALL, given(runs.without("beta1"))),
    Fault("beta2 ignored", STATE, (*BETAS, "lion"), SOFTMAX, given(runs.without("beta2"))),
    Fault("rho ignored", STATE, ("rmsprop", "adadelta"), ALL, given(runs.without("rho"))),
    Fault("eps ignored", UPDATE, (*ROOTED, "radam"), ALL, given(runs.without("eps"))),
    Fault("eps of a moving root ignored", STATE, ("adamax", "adadelta"), ALL,
          given(runs.without("eps"))),
    Fault("eps ignored by rmsprop", STATE, RMSPROP, ALL, given(runs.without("eps")), "momentum"),
    Fault("centered ignored", STATE, RMSPROP, ALL, given(runs.without("centered")), "momentum"),
    Fault("momentum_decay ignored", UPDATE, NADAM, ALL, given(runs.without("momentum_decay"))),
    Fault("initial_accumulator ignored", STATE, ADAGRAD, ALL,
          given(runs.without("initial_accumulator"))),
    Fault("beta2_decay ignored", STATE, ADAFACTOR, ALL, given(runs.without("beta2_decay"))),
    Fault("eps1 ignored", STATE, ADAFACTOR, ALL, given(runs.without("eps1"))),
    Fault("eps2 ignored", UPDATE, ADAFACTOR, ALL, given(runs.without("eps2"))),
    Fault("clip_threshold ignored", UPDATE, ADAFACTOR, ALL, given(runs.without("clip_threshold"))),
    Fault("coupled decay on the bias", STATE, COUPLED, MLP,
          given(lambda case: replace(case, optimizer=replace(case.optimizer, decay_biases=True)))),
    Fault("decoupled decay on the bias", UPDATE, DECOUPLED, MLP,
          given(lambda case: replace(case, optimizer=replace(case.optimizer, decay_biases=True)))),
    Fault("beta1 and beta2 swapped", STATE, (*BETAS, "lion"), LINEAR,
          given(runs.arguments(lambda h: {"beta1": h["beta2"], "beta2": h["beta1"]}))),
    Fault("rho taken for 1 - rho", STATE, ("rmsprop", "adadelta"), LINEAR,
          given(runs.arguments(lambda h: {"rho": 1 - h["rho"]}))),
    Fault("label_smoothing ignored", FORWARD, SGD, CLASSES, given(runs.loss(label_smoothing=0.0))),
    Fault("class_weights ignored", FORWARD, SGD, SOFTMAX, given(runs.loss(class_weights=None))),
    Fault("sample_weights ignored", FORWARD, SGD, ALL, given(runs.sample_weights_ignored)),
    Fault("delta ignored", FORWARD, SGD, VALUES, given(runs.loss(delta=1.0))),
    Fault("l2 ignored", FORWARD, SGD, ALL, given(runs.loss(l2=0.0))),
    Fault("clipping by value ignored", STATE, ("sgd", "adam"), ALL,
          given(runs.not_clipped_by("value"))),
    Fault("clipping by norm ignored", STATE, ("sgd", "adagrad"), ALL,
          given(runs.not_clipped_by("norm"))),
    Fault("clipping by global norm ignored", STATE, ("sgd", "lion"), ALL,
          given(runs.not_clipped_by("global_norm"))),
    Fault("sum taken for mean", FORWARD, SGD, ALL, given(runs.reduction("mean", "sum"))),
    Fault("mean taken for sum", FORWARD, SGD, ALL, given(runs.reduction("sum", "mean"))),
    Fault("mean taken for half_mean", FORWARD, SGD, VALUES,
          given(runs.reduction("half_mean", "mean"))),
)

RATES = (
    Fault("the last step's rate", UPDATE, ("sgd", "adam", "lion"), ALL,
          given(runs.rates(lambda r: (r[0], *r[:-1])))),
    Fault("the next step's rate", UPDATE, ("sgd", "adamw", "rmsprop"), ALL,
          given(runs.rates(lambda r: (*r[1:], r[-1])))),
    Fault("the schedule ignored", UPDATE, ("sgd", "nadam", "adadelta"), ALL,
          given(runs.rates(lambda r: (r[0],) * len(r)))),
    Fault("the rate ignored", UPDATE, RATED, LINEAR,
          given(runs.rates(lambda r: (0.001,) * len(r)))),
    Fault("half the rate", UPDATE, RATED, SOFTMAX,
          given(runs.rates(lambda r: tuple(np.divide(r, 2))))),
    Fault("the rate over the batch size", UPDATE, SGD, ALL,
          given(lambda case: replace(case, rates=tuple(
              rate / len(rows) for rate, rows in zip(case.rates, case.batches, strict=True))))),
    Fault("the rate as float32 in a float64 lane", UPDATE, ("sgd", "adam"), LINEAR,
          only("float64", given(runs.rates(lambda r: tuple(np.float32(r).tolist()))))),
    Fault("twice the rate for biases", UPDATE, ("sgd", "adam"), ALL,
          ruled(rules.tensor_rate(lambda w: 2.0 if w.ndim == 1 else 1.0))),
    Fault("uphill", UPDATE, RATED, MLP, ruled(rules.tensor_rate(lambda w: -1.0))),
)


def divided(root: str) -> Spoiled:
    """Divide an adaptive step by another expression of v, eps and the correction's root."""
    return ruled(rules.divisor(ROOTS[root]))


ROOTS = {
    "sqrt(v + eps)": lambda v, eps, correction: np.sqrt(v + eps),
    "sqrt(v + eps ** 2)": lambda v, eps, correction: np.sqrt(v + eps * eps),
    "sqrt(v)": lambda v, eps, correction: np.sqrt(v),
    "max(sqrt(v), eps)": lambda v, eps, correction: np.maximum(np.sqrt(v), eps),
    "eps hat": lambda v, eps, correction: np.sqrt(v) + eps / correction,
    "eps times correction": lambda v, eps, correction: np.sqrt(v) + eps * correction,
    "v + eps": lambda v, eps, correction: v + eps,
}

ADAPTIVE = (
    Fault("eps inside the root", UPDATE, (*ROOTED, "radam"), ALL, divided("sqrt(v + eps)")),
    Fault("eps squared inside the root", UPDATE, ROOTED, ALL, divided("sqrt(v + eps ** 2)")),
    Fault("eps left out", UPDATE, (*ROOTED, "radam"), ALL, divided("sqrt(v)")),
    Fault("the larger of root and eps", UPDATE, ROOTED, ALL, divided("max(sqrt(v), eps)")),
    Fault("eps inside rmsprop's root", STATE, RMSPROP, ALL, divided("sqrt(v + eps)"), "momentum"),
    Fault("eps left out of rmsprop", STATE, RMSPROP, ALL, divided("sqrt(v)"), "momentum"),
    Fault("no root in rmsprop", STATE, RMSPROP, ALL, divided("v + eps"), "momentum"),
    Fault("eps before bias correction", UPDATE, (*ADAMS, "lamb"), ALL, divided("eps hat")),
    Fault("eps after radam's bias correction", UPDATE, RADAM, ALL, divided("eps times correction")),
    Fault("no root", UPDATE, (*ROOTED, "radam"), LINEAR, divided("v + eps")),
    Fault("eps added to the stored v", STATE, ADAM, ALL, ruled(rules.adam_with_eps_in_v)),
    Fault("bias correction left out", UPDATE, BETAS, SOFTMAX,
          wrapped(updates, corrected=lambda _: lambda moment, beta, t: moment)),
    Fault("bias correction of m left out", UPDATE, ADAM, ALL,
          ruled(rules.adam(lambda s, g, h, t: s["m"] / (
              np.sqrt(s["v"] / (1 - h["beta2"] ** t)) + h["eps"])))),
    Fault("bias correction of v left out", UPDATE, ADAM, LINEAR,
          ruled(rules.adam(lambda s, g, h, t: s["m"] / (1 - h["beta1"] ** t) / (
              np.sqrt(s["v"]) + h["eps"])))),
    Fault("bias correction of v by beta1", UPDATE, ADAM, ALL,
          ruled(rules.adam(lambda s, g, h, t: s["m"] / (1 - h["beta1"] ** t) / (
              np.sqrt(s["v"] / (1 - h["beta1"] ** t)) + h["eps"])))),
    Fault("bias correction outside the root", UPDATE, ADAM, ALL,
          ruled(rules.adam(lambda s, g, h, t: s["m"] / (1 - h["beta1"] ** t) / (
              np.sqrt(s["v"]) / (1 - h["beta2"] ** t) + h["eps"])))),
    Fault("the gradient taken for its mean", UPDATE, ADAM, ALL,
          ruled(rules.adam(lambda s, g, h, t: g / (
              np.sqrt(s["v"] / (1 - h["beta2"] ** t)) + h["eps"])))),
    Fault("steps counted from two", UPDATE, BETAS, LINEAR,
          ruled(rules.step_number(lambda t: t + 1))),
    Fault("steps not counted", UPDATE, BETAS, LINEAR, ruled(rules.step_number(lambda t: 1))),
    Fault("steps counted per parameter", UPDATE, BETAS, MLP, ruled(rules.counted_per_tensor)),
    Fault("gradients not squared in v", STATE, ADAMS, ALL,
          wrapped(updates, renew_moments=lambda _: rules.unsquared)),
    Fault("amsgrad's maximum ignored", STATE, AMSGRAD, ALL,
          ruled(rules.state_zeroed(lambda last, lr: True, ("v_max",)))),
    Fault("amsgrad's maximum after correction", STATE, AMSGRAD, ALL,
          ruled(rules.amsgrad_of_corrected)),
    Fault("eps beside adamax's u", STATE, ADAMAX, ALL,
          ruled(rules.adamax(lambda u, g, h: np.maximum(h["beta2"] * u, g), lambda h: h["eps"]))),
    Fault("adamax's u does not fade", STATE, ADAMAX, ALL,
          ruled(rules.adamax(lambda u, g, h: np.maximum(u, g + h["eps"]), lambda h: 0.0))),
    Fault("adamax's u fades by beta1", STATE, ADAMAX, ALL,
          ruled(rules.adamax(
              lambda u, g, h: np.maximum(h["beta1"] * u, g + h["eps"]), lambda h: 0.0))),
    Fault("nadam's momentum without its schedule", UPDATE, NADAM, ALL,
          wrapped(updates, nadam_momentum=lambda _: lambda h, t: h["beta1"])),
    Fault("nadam's momentum a step ahead", UPDATE, NADAM, ALL,
          wrapped(updates, nadam_momentum=lambda mu: lambda h, t: mu(h, t + 1))),
    Fault("nadam without the gradient's own share", UPDATE, NADAM, ALL,
          ruled(rules.adam(lambda s, g, h, t: s["m"] / (1 - h["beta1"] ** t) / (
              np.sqrt(s["v"] / (1 - h["beta2"] ** t)) + h["eps"])))),
    Fault("radam never rectified", UPDATE, RADAM, ALL,
          wrapped(updates, rectification=lambda _: lambda beta2, t: None)),
    Fault("radam rectified by one", UPDATE, RADAM, ALL,
          wrapped(updates, rectification=lambda r: lambda beta2, t: r(beta2, t) and 1.0)),
    Fault("radam rectified from the first step", UPDATE, RADAM, ALL,
          wrapped(updates, rectification=lambda r: lambda beta2, t: r(beta2, t) or 1.0)),
    Fault("centered by the mean, not its square", STATE, RMSPROP, ALL,
          ruled(rules.rmsprop(lambda v, mean: v - np.abs(mean))), "momentum"),
    Fault("centered by adding the mean", STATE, RMSPROP, ALL,
          ruled(rules.rmsprop(lambda v, mean: v + mean * mean)), "momentum"),
    Fault("rmsprop's last mean square", STATE, RMSPROP, ALL,
          ruled(rules.rmsprop(late=True)), "momentum"),
    Fault("rate inside rmsprop's momentum", STATE, RMSPROP, ALL,
          ruled(rules.rmsprop(rate_inside=True)), "momentum"),
    Fault("adagrad's last sum", UPDATE, ADAGRAD, ALL,
          ruled(rules.adagrad(lambda s, g: s + g * g, lambda last, s: np.sqrt(last)))),
    Fault("adagrad's sum fades", STATE, ADAGRAD, ALL,
          ruled(rules.adagrad(lambda s, g: 0.9 * s + g * g, lambda last, s: np.sqrt(s)))),
    Fault("adadelta's step kept at its rate", STATE, ADADELTA, ALL,
          ruled(rules.adadelta(rules.zeiler, lambda step, g, lr: lr * step))),
    Fault("adadelta keeps the gradient for the step", STATE, ADADELTA, ALL,
          ruled(rules.adadelta(rules.zeiler, lambda step, g, lr: g))),
    Fault("adadelta's last mean square", STATE, ADADELTA, ALL,
          ruled(rules.adadelta(rules.zeiler, late=True))),
    Fault("adadelta's eps outside the roots", STATE, ADADELTA, ALL,
          ruled(rules.adadelta(lambda delta, v, h: (
              (np.sqrt(delta) + h["eps"]) / (np.sqrt(v) + h["eps"]))))),
    Fault("adadelta's eps in the divisor only", STATE, ADADELTA, ALL,
          ruled(rules.adadelta(lambda delta, v, h: np.sqrt(delta) / np.sqrt(v + h["eps"])))),
    Fault("lion's sign of the wrong average", UPDATE, LION, ALL,
          ruled(rules.lion(lambda last, m, g, h: np.sign(m)))),
    Fault("lion's average renewed first", UPDATE, LION, ALL,
          ruled(rules.lion(lambda last, m, g, h: np.sign(updates.average(m, g, h["beta1"]))))),
    Fault("lion's sign of the gradient", UPDATE, LION, ALL,
          ruled(rules.lion(lambda last, m, g, h: np.sign(g)))),
    Fault("trust ratio left out", UPDATE, LAMB, ALL, ruled(rules.lamb(lambda w, g, step: 1.0))),
    Fault("trust ratio of all tensors together", UPDATE, LAMB, CLASSES, runs.one_trust_ratio),
    Fault("trust ratio upside down", UPDATE, LAMB, ALL,
          ruled(rules.lamb(lambda w, g, step: updates.trust_ratio(step, w)))),
    Fault("trust ratio of the gradient", UPDATE, LAMB, ALL,
          ruled(rules.lamb(lambda w, g, step: updates.trust_ratio(w, g)))),
    Fault("trust ratio of mean sizes", UPDATE, LAMB, ALL,
          wrapped(updates, length=lambda _: lambda values: np.abs(values).mean())),
    Fault("trust ratio at most one", UPDATE, LAMB, ALL,
          ruled(rules.lamb(lambda w, g, step: min(updates.trust_ratio(w, step), 1)))),
    Fault("trust ratio of zero weights zero", UPDATE, LAMB, ALL,
          ruled(rules.lamb(lambda w, g, step: updates.trust_ratio(w, step) * bool(w.any())))),
    Fault("trust ratio of kernels only", UPDATE, LAMB, ALL,
          ruled(rules.lamb(lambda w, g, step: (
              updates.trust_ratio(w, step) if w.ndim > 1 else 1.0)))),
    Fault("lamb's decay ignored", UPDATE, LAMB, ALL, given(runs.without("weight_decay"))),
    Fault("lamb's decay on the bias", UPDATE, LAMB, MLP,
          given(lambda case: replace(case, optimizer=replace(case.optimizer, decay_biases=True)))),
    Fault("lamb's decay before the step", UPDATE, LAMB, ALL,
          ruled(rules.decay(lambda lr, rate: 1 - lr * rate, weight_decay=0.0))),
    Fault("lamb's decay beside the trust ratio", UPDATE, LAMB, ALL,
          ruled(rules.lamb(decay_outside=True))),
    Fault("lamb's decay in the gradient", STATE, LAMB, ALL,
          ruled(rules.gradient(lambda w, g, h, lr: g + h["weight_decay"] * w, weight_decay=0.0))),
    Fault("the rate ignored by ftrl", STATE, FTRL, ALL,
          given(runs.rates(lambda r: (0.001,) * len(r))), "z"),
    Fault("half the rate in ftrl", STATE, FTRL, ALL,
          given(runs.rates(lambda r: tuple(np.divide(r, 2)))), "z"),
    Fault("uphill in ftrl", STATE, FTRL, ALL,
          ruled(rules.gradient(lambda w, g, h, lr: -g)), "z"),
    Fault("biases never updated by ftrl", UPDATE, FTRL, ALL,
          ruled(rules.tensor_left_alone(lambda w: w.ndim == 1))),
    Fault("power ignored", STATE, FTRL, ALL, given(runs.without("power")), "z"),
    Fault("beta ignored", UPDATE, FTRL, ALL, given(runs.without("beta"))),
    Fault("beta left out", UPDATE, FTRL, ALL,
          given(runs.arguments(lambda h: {"beta": 0.0}))),
    Fault("initial_accumulator ignored by ftrl", STATE, FTRL, ALL,
          given(runs.without("initial_accumulator"))),
    Fault("lambda1 ignored", UPDATE, FTRL, ALL, given(runs.without("lambda1"))),
    Fault("lambda2 ignored", UPDATE, FTRL, ALL, given(runs.without("lambda2"))),
    Fault("shrinkage ignored", STATE, FTRL, ALL, given(runs.without("shrinkage")), "z"),
    Fault("lambda1 and lambda2 swapped", UPDATE, FTRL, ALL,
          given(runs.arguments(lambda h: {"lambda1": h["lambda2"], "lambda2": h["lambda1"]}))),
    Fault("lambda2 twice", UPDATE, FTRL, ALL,
          given(runs.arguments(lambda h: {"lambda2": 2 * h["lambda2"]}))),
    Fault("shrinkage once", STATE, FTRL, ALL,
          ruled(rules.ftrl(pull=lambda w, g, h: g + h["shrinkage"] * w)), "z"),
    Fault("shrinkage in the squares", STATE, FTRL, ALL,
          ruled(rules.ftrl(square=lambda w, g, h: (g + 2 * h["shrinkage"] * w) ** 2)), "sum"),
    Fault("shrinkage grows", STATE, FTRL, ALL,
          ruled(rules.ftrl(pull=lambda w, g, h: g - 2 * h["shrinkage"] * w)), "z"),
    Fault("gradients not squared in ftrl's sum", STATE, FTRL, ALL,
          ruled(rules.ftrl(square=lambda w, g, h: np.abs(g))), "sum"),
    Fault("ftrl's strength not over the rate", STATE, FTRL, ALL,
          ruled(rules.ftrl(strength=lambda past, now, h, lr: (
              updates.raised(now, h) - updates.raised(past, h)))), "z"),
    Fault("ftrl's strength of the whole sum", STATE, FTRL, ALL,
          ruled(rules.ftrl(strength=lambda past, now, h, lr: updates.raised(now, h) / lr)), "z"),
    Fault("ftrl's strength of the gradient", STATE, FTRL, ALL,
          ruled(rules.ftrl(strength=lambda past, now, h, lr: updates.raised(now - past, h) / lr)),
          "z"),
    Fault("ftrl's weights stay out of z", STATE, FTRL, ALL,
          ruled(rules.ftrl(strength=lambda past, now, h, lr: 0 * now)), "z"),
    Fault("lambda1 of the wrong sign", UPDATE, FTRL, ALL,
          ruled(rules.ftrl_weights(top=lambda z, h: -np.sign(z) * h["lambda1"] - z))),
    Fault("lambda1 is a threshold only", UPDATE, FTRL, ALL,
          ruled(rules.ftrl_weights(top=lambda z, h: -z))),
    Fault("no threshold at lambda1", UPDATE, FTRL, ALL,
          ruled(rules.ftrl_weights(within=lambda z, h, lr: np.zeros(z.shape, bool)))),
    Fault("threshold at lambda1 from above only", UPDATE, FTRL, ALL,
          ruled(rules.ftrl_weights(within=lambda z, h, lr: (z >= 0) & (z <= h["lambda1"])))),
    Fault("threshold at lambda1 times the rate", UPDATE, FTRL, ALL,
          ruled(rules.ftrl_weights(within=lambda z, h, lr: np.abs(z) <= lr * h["lambda1"]))),
    Fault("lambda2 over the rate", UPDATE, FTRL, ALL,
          ruled(rules.ftrl_weights(low=lambda grown, h, lr: (
              (h["beta"] + grown + h["lambda2"]) / lr)))),
    Fault("beta not over the rate", UPDATE, FTRL, ALL,
          ruled(rules.ftrl_weights(low=lambda grown, h, lr: (
              h["beta"] + grown / lr + h["lambda2"])))),
    Fault("lion without the sign", UPDATE, LION, ALL,
          ruled(rules.lion(lambda last, m, g, h: updates.average(last, g, h["beta1"])))),
)

ADAFACTORS = (
    Fault("eps1 left out of adafactor", STATE, ADAFACTOR, ALL,
          ruled(factors.adafactor(square=lambda g, h: g * g))),
    Fault("eps1 beside adafactor's root", STATE, ADAFACTOR, ALL,
          ruled(factors.adafactor(
              square=lambda g, h: g * g, divided=lambda g, v, h: g / (np.sqrt(v) + h["eps1"])))),
    Fault("eps1 squared in adafactor", STATE, ADAFACTOR, ALL,
          ruled(factors.adafactor(square=lambda g, h: g * g + g.dtype.type(h["eps1"] ** 2)))),
    Fault("adafactor's rows and columns exchanged", STATE, ADAFACTOR, ALL,
          ruled(factors.adafactor(v=lambda r, c: (
              factors.estimate(c, r) if r.shape == c.shape else factors.estimate(r, c))))),
    Fault("adafactor's matrices not factored", STATE, ADAFACTOR, ALL,
          ruled(factors.adafactor(v=None))),
    Fault("adafactor's factors not divided by their mean", STATE, ADAFACTOR, ALL,
          ruled(factors.adafactor(v=np.outer))),
    Fault("adafactor's factors divided by their sum", STATE, ADAFACTOR, ALL,
          ruled(factors.adafactor(v=lambda r, c: np.outer(r, c) / r.sum()))),
    Fault("adafactor's columns left out", STATE, ADAFACTOR, ALL,
          ruled(factors.adafactor(v=lambda r, c: np.outer(r, np.ones_like(c))))),
    Fault("no root in adafactor", UPDATE, ADAFACTOR, ALL,
          ruled(factors.adafactor(divided=lambda g, v, h: g / v))),
    Fault("adafactor's step not clipped", UPDATE, ADAFACTOR, ALL,
          ruled(factors.adafactor(clipped=lambda u, h: u))),
    Fault("adafactor's step scaled up to its threshold too", UPDATE, ADAFACTOR, ALL,
          ruled(factors.adafactor(clipped=lambda u, h: (
              u * (h["clip_threshold"] / max(1e-30, factors.rms(u))))))),
    Fault("adafactor's step clipped by its norm", UPDATE, ADAFACTOR, ALL,
          ruled(factors.adafactor(clipped=lambda u, h: (
              u / max(1.0, float(np.linalg.norm(u)) / h["clip_threshold"]))))),
    Fault("adafactor's step clipped element by element", UPDATE, ADAFACTOR, ALL,
          ruled(factors.adafactor(clipped=lambda u, h: (
              np.clip(u, -h["clip_threshold"], h["clip_threshold"]))))),
    Fault("adafactor's rate not capped", UPDATE, ADAFACTOR, ALL,
          ruled(factors.adafactor(rho=lambda lr, t: lr))),
    Fault("adafactor's rate over the root of the step", UPDATE, ADAFACTOR, ALL,
          ruled(factors.adafactor(rho=lambda lr, t: lr / t**0.5))),
    Fault("adafactor's rate ignored", UPDATE, ADAFACTOR, ALL,
          ruled(factors.adafactor(rho=lambda lr, t: 1 / t**0.5))),
    Fault("adafactor's step not scaled by the weights", UPDATE, ADAFACTOR, ALL,
          ruled(factors.adafactor(size=lambda w, h, lr: 1.0))),
    Fault("adafactor's step scaled by the weights' norm", UPDATE, ADAFACTOR, ALL,
          ruled(factors.adafactor(
              size=lambda w, h, lr: max(h["eps2"], float(np.linalg.norm(w)))))),
    Fault("adafactor's step scaled by eps2 more", UPDATE, ADAFACTOR, ALL,
          ruled(factors.adafactor(size=lambda w, h, lr: h["eps2"] + factors.rms(w)))),
    Fault("adafactor's step scaled by decayed weights", UPDATE, ADAFACTOR, ALL,
          ruled(factors.adafactor(size=factors.of_decayed_weights))),
    Fault("adafactor's beta2 constant", STATE, ADAFACTOR, ALL, ruled(rules.step_number(
          lambda t: min(t, 2)))),
    Fault("adafactor's steps counted from two", STATE, ADAFACTOR, ALL,
          ruled(rules.step_number(lambda t: t + 1))),
    Fault("adafactor's exponent halved", STATE, ADAFACTOR, ALL,
          ruled(rules.with_arguments(beta2_decay=lambda h: h["beta2_decay"] / 2))),
    Fault("adafactor's update applied twice", UPDATE, ADAFACTOR, ALL, ruled(rules.repeated)),
    Fault("adafactor's eps1 and eps2 exchanged", STATE, ADAFACTOR, ALL,
          given(runs.arguments(lambda h: {"eps1": h["eps2"], "eps2": h["eps1"]}))),
)

MOMENTUM = (
    Fault("the first step dampened", STATE, SGD, ALL, ruled(rules.sgd_dampened_at_once)),
    Fault("dampening by the momentum", STATE, SGD, ALL,
          given(runs.arguments(lambda h: {"dampening": h["momentum"]}))),
    Fault("nesterov always", UPDATE, SGD, ALL, given(runs.arguments(lambda h: {"nesterov": True}))),
    Fault("nesterov twice", UPDATE, SGD, ALL,
          ruled(rules.sgd(lambda g, last, b, h: (
              g + h["momentum"] * (g + h["momentum"] * b) if h["nesterov"] else b)))),
    Fault("nesterov with the last buffer", UPDATE, SGD, ALL,
          ruled(rules.sgd(lambda g, last, b, h: (
              g + h["momentum"] * last if h["nesterov"] else b)))),
    Fault("the last step's buffer", UPDATE, SGD, ALL,
          ruled(rules.sgd(lambda g, last, b, h: last))),
    Fault("rate inside the momentum", STATE, SGD, ALL, ruled(rules.rate_inside_momentum)),
    Fault("state left from an earlier run", STATE, REMEMBERING, LINEAR, runs.kept_state),
    Fault("state zeroed when the rate changes", STATE, ("sgd", "adam", "lion"), ALL,
          ruled(rules.state_zeroed(lambda last, lr: last != lr))),
    Fault("state zeroed at each step", STATE, BETAS, SOFTMAX,
          ruled(rules.state_zeroed(lambda last, lr: True))),
    Fault("one state for tensors of a shape", STATE, ("adam", "lion"), MLP,
          ruled(rules.state_by_shape)),
    Fault("state as float32 in a float64 lane", STATE, ("adam", "rmsprop"), LINEAR,
          only("float64", ruled(rules.state_rounded("float32")))),
    Fault("state as float16", STATE, ("sgd", "adam"), LINEAR,
          ruled(rules.state_rounded("float16"))),
    Fault("m reported as v", STATE, BETAS[:3], LINEAR, altered(runs.moments_exchanged)),
    Fault("float32 constants in a float64 lane", STATE, ("sgd", "adam", "rmsprop"), LINEAR,
          only("float64", given(runs.arguments(lambda h: {
              name: value if value is True or value is False else float(np.float32(value))
              for name, value in h.items()})))),
)

DECAY = (
    Fault("coupled decay for decoupled", STATE, DECOUPLED, ALL,
          ruled(rules.gradient(lambda w, g, h, lr: g + h["weight_decay"] * w, weight_decay=0.0))),
    Fault("decoupled decay for coupled", STATE, COUPLED, SOFTMAX,
          ruled(rules.decay(lambda lr, rate: 1 - lr * rate, weight_decay=0.0))),
    Fault("decay not at the rate", UPDATE, DECOUPLED, ALL,
          ruled(rules.decay(lambda lr, rate: 1 - rate, weight_decay=0.0))),
    Fault("decay after the step", UPDATE, DECOUPLED, ALL,
          ruled(rules.decay(after=lambda lr, rate: 1 - lr * rate, weight_decay=0.0))),
    Fault("decay twice", UPDATE, DECOUPLED, ALL,
          ruled(rules.decay(lambda lr, rate: 1 - lr * rate))),
    Fault("decay grows coupled weights", STATE, COUPLED, LINEAR,
          ruled(rules.with_arguments(weight_decay=lambda h: -h["weight_decay"]))),
    Fault("half the coupled decay", STATE, COUPLED, LINEAR,
          ruled(rules.with_arguments(weight_decay=lambda h: h["weight_decay"] / 2))),
    Fault("decay clipped with the gradient", STATE, ("sgd", "adam"), ALL,
          runs.decay_clipped),
)

CLIPPING = (
    Fault("norm of each tensor for that of all", STATE, ("sgd", "adam"), CLASSES,
          given(runs.clipped_by("global_norm", "norm"))),
    Fault("norm of all tensors for that of each", STATE, ("sgd", "adagrad"), CLASSES,
          given(runs.clipped_by("norm", "global_norm"))),
    Fault("clipped by value, not by norm", STATE, ("sgd", "lion"), ALL,
          given(runs.clipped_by("norm", "value"))),
    Fault("the step clipped, not the gradient", STATE, SGD, ALL,
          runs.step_clipped),
    Fault("scaled up to the limit too", STATE, ("sgd", "adadelta"), ALL,
          replaced(numpy32.CLIPS, norm=passes.normalised, global_norm=passes.normalised)),
    Fault("norm without its root", STATE, ("sgd", "adamax"), ALL,
          replaced(numpy32.CLIPS, global_norm=passes.clip_by_square)),
    Fault("biases left out of the norm", STATE, ("sgd", "adam"), CLASSES,
          replaced(numpy32.CLIPS, global_norm=passes.clip_kernels)),
    Fault("clipped from above only", STATE, ("sgd", "nadam"), ALL,
          replaced(numpy32.CLIPS, value=lambda gradients, limit, _: {
              name: np.minimum(g, limit) for name, g in gradients.items()})),
    Fault("gradients clipped in place", BACKWARD, ("sgd", "adam"), ALL,
          wrapped(numpy32, backward=gradients(lambda case, w, g: numpy32.clip(case, g, None)))),
)

ELEMENTS = (
    Fault("one element of eight not updated", UPDATE, ("sgd", "adam", "lion"), ALL,
          ruled(rules.left_alone(lambda size: slice(7, None, 8)))),
    Fault("the rest beyond blocks of eight not updated", UPDATE, ("adam", "rmsprop"), ALL,
          ruled(rules.left_alone(lambda size: slice(size - size % 8, None)))),
    Fault("the last element not updated", UPDATE, ("sgd", "adagrad"), ALL,
          ruled(rules.left_alone(lambda size: slice(size - 1, None)))),
    Fault("biases never updated", UPDATE, RATED, SOFTMAX,
          ruled(rules.tensor_rate(lambda w: float(w.ndim != 1)))),
    Fault("kernels never updated", UPDATE, ("sgd", "adamw"), LINEAR,
          ruled(rules.tensor_rate(lambda w: float(w.ndim == 1)))),
    Fault("updated twice", STATE, REMEMBERING, LINEAR, ruled(rules.repeated)),
    Fault("weights read before the update", UPDATE, EVERY, LINEAR, altered(runs.weights_before)),
)

BATCHES = (
    Fault("partial batch dropped", FORWARD, ("sgd", "adam"), ALL,
          given(runs.partial_batches_dropped)),
    Fault("partial batch padded", FORWARD, SGD, ALL, given(runs.partial_batches_padded)),
    Fault("partial batch averaged over a full one", FORWARD, ("sgd", "adam"), ALL,
          wrapped(numpy32, loss=passes.scaled(passes.share_of_full_batch))),
    Fault("gradient of a partial batch averaged over a full one", BACKWARD, ("sgd", "adam"), ALL,
          wrapped(numpy32, loss=passes.scaled(passes.share_of_full_batch, value=False))),
    Fault("each batch's last row dropped", FORWARD, SGD, ALL, given(runs.last_row_dropped)),
    Fault("the first batch at each step", FORWARD, SGD, ALL, given(runs.always_first_batch)),
    Fault("other weights to start with", FORWARD, ("sgd", "adam"), ALL,
          given(runs.weights_drawn_anew)),
    Fault("labels of other rows", FORWARD, SGD, ALL, given(runs.labels_shifted)),
    Fault("loss after the step", FORWARD, ("sgd", "adam", "adadelta"), ALL,
          altered(runs.loss_after)),
    Fault("mean of the losses so far", FORWARD, SGD, ALL, altered(runs.running_mean_of_losses)),
    Fault("forward at the last step's weights", FORWARD, ("sgd", "adam"), ALL,
          wrapped(numpy32, forward=passes.stale_weights(2))),
)


def values(name: str, term: Callable[..., Any]) -> Spoiled:
    """Take another value for a loss, with the same slope."""
    return replaced(LOSSES, **{name: (term, LOSSES[name][1])})


def slopes(name: str, slope: Callable[..., Any]) -> Spoiled:
    """Take another slope for a loss, with the same value."""
    return replaced(LOSSES, **{name: (LOSSES[name][0], slope)})


LOSS = (
    Fault("no factor 2 in the squared error's slope", BACKWARD, SGD, VALUES,
          slopes("squared_error", lambda z, y, *_: z - y)),
    Fault("half the squared error", FORWARD, SGD, VALUES,
          values("squared_error", lambda z, y, *_: 0.5 * (z - y) * (z - y))),
    Fault("mean over rows for mean over elements", FORWARD, SGD, VALUES,
          wrapped(numpy32, loss=passes.scaled(passes.units_of_values))),
    Fault("mean over elements for mean over rows", FORWARD, SGD, CLASSES,
          wrapped(numpy32, loss=passes.scaled(passes.share_of_classes))),
    Fault("slope of the sum for that of the mean", BACKWARD, SGD, ALL,
          wrapped(numpy32, loss=passes.slope_for(runs.reduction("mean", "sum")))),
    Fault("sample weights in the loss only", BACKWARD, SGD, ALL,
          wrapped(numpy32, loss=passes.slope_for(runs.sample_weights_ignored))),
    Fault("sample weights twice", FORWARD, SGD, ALL, given(runs.sample_weights_squared)),
    Fault("mean over the sample weights", FORWARD, SGD, ALL,
          wrapped(numpy32, loss=passes.scaled(passes.rows_over_sample_weights))),
    Fault("class weights in the loss only", BACKWARD, SGD, SOFTMAX,
          wrapped(numpy32, loss=passes.slope_for(runs.loss(class_weights=None)))),
    Fault("mean over the class weights", FORWARD, SGD, SOFTMAX,
          wrapped(numpy32, loss=passes.scaled(passes.rows_over_class_weights))),
    Fault("smoothing in the loss only", BACKWARD, SGD, CLASSES,
          wrapped(numpy32, loss=passes.slope_for(runs.loss(label_smoothing=0.0)))),
    Fault("smoothing over the other classes", FORWARD, SGD, CLASSES,
          wrapped(numpy32, targets=passes.smoothed_over_others)),
    Fault("dense labels taken for hard ones", FORWARD, SGD, CLASSES, given(runs.labels_hard)),
    Fault("log of softmax plus 1e-7", FORWARD, SGD, CLASSES,
          values("softmax_cross_entropy", lambda z, y, *_: -(y * np.log(
              passes.softmax(z) + 1e-7)).sum(1))),
    Fault("softmax's slope without the labels' sum", BACKWARD, SGD, SOFTMAX,
          slopes("softmax_cross_entropy", lambda z, y, *_: passes.softmax(z) - 2 * y)),
    Fault("softmax over the batch", BACKWARD, SGD, CLASSES,
          slopes("softmax_cross_entropy", lambda z, y, *_: passes.softmax(z.T).T - y)),
    Fault("softmax of logits that overflow", FORWARD, SGD, SOFTMAX,
          values("softmax_cross_entropy", lambda z, y, *_: -(
              y * np.log(np.exp(z) / np.exp(z).sum(1, keepdims=True))).sum(1))),
    Fault("probabilities clipped at 1e-7", FORWARD, SGD, LINEAR,
          values("binary_cross_entropy", lambda z, y, *_: passes.clipped_entropy(z, y))),
    Fault("binary cross-entropy without log1p", FORWARD, SGD, VALUES,
          values("binary_cross_entropy", lambda z, y, *_: np.maximum(z, 0) - y * z)),
    Fault("huber without its line", FORWARD, SGD, VALUES,
          values("huber", lambda z, y, *_: 0.5 * (z - y) ** 2)),
    Fault("huber's slope not clipped", BACKWARD, SGD, VALUES,
          slopes("huber", lambda z, y, *_: z - y)),
    Fault("huber's line of slope one", BACKWARD, SGD, VALUES,
          slopes("huber", lambda z, y, delta, _: np.where(
              np.abs(z - y) > delta, np.sign(z - y), z - y))),
    Fault("smooth_l1 taken for huber", FORWARD, SGD, VALUES,
          given(runs.other_loss("smooth_l1", "huber"))),
    Fault("squared error for absolute error", FORWARD, SGD, VALUES,
          given(runs.other_loss("absolute_error", "squared_error"))),
    Fault("absolute error's slope of the wrong sign", BACKWARD, SGD, VALUES,
          slopes("absolute_error", lambda z, y, *_: np.sign(y - z))),
    Fault("penalty not in the gradient", BACKWARD, SGD, ALL,
          wrapped(numpy32, backward=for_case(runs.loss(l2=0.0)))),
    Fault("penalty not in the loss", FORWARD, SGD, ALL,
          wrapped(numpy32, penalty=for_case(runs.loss(l2=0.0)))),
    Fault("no factor 2 in the penalty's gradient", BACKWARD, SGD, ALL,
          wrapped(numpy32, backward=for_case(lambda case: runs.loss(l2=case.loss.l2 / 2)(case)))),
    Fault("penalty of the biases too", FORWARD, SGD, CLASSES,
          wrapped(numpy32, penalty=passes.penalty_of_all)),
)


def activated(name: str, value: Callable[..., Any]) -> Spoiled:
    """Take another function for an activation, with the same derivative."""
    return replaced(ACTIVATIONS, **{name: (value, ACTIVATIONS[name][1])})


def derived(name: str, derivative: Callable[..., Any]) -> Spoiled:
    """Take another derivative for an activation."""
    return replaced(ACTIVATIONS, **{name: (ACTIVATIONS[name][0], derivative)})


MODEL = (
    Fault("bias not added", FORWARD, SGD, ALL, wrapped(numpy32, forward=passes.at_weights(
        lambda weights: {n: w * (w.ndim > 1) for n, w in weights.items()}, 2))),
    Fault("square kernels transposed", FORWARD, SGD, CLASSES,
          wrapped(numpy32, forward=passes.at_weights(passes.turned, 2))),
    Fault("gradients of square kernels transposed", BACKWARD, ("sgd", "adam"), ALL,
          wrapped(numpy32, backward=gradients(lambda case, w, g: passes.turned(g)))),
    Fault("square kernels not transposed on the way back", BACKWARD, SGD, MLP,
          wrapped(numpy32, backward=passes.at_weights(passes.turned, 1))),
    Fault("gradients accumulated", BACKWARD, ("sgd", "adam"), ALL,
          wrapped(numpy32, backward=passes.accumulated)),
    Fault("the last step's gradients", BACKWARD, ("sgd", "adam"), ALL,
          wrapped(numpy32, backward=passes.one_step_late)),
    Fault("back through the last step's weights", BACKWARD, ("sgd", "adam"), MLP,
          wrapped(numpy32, backward=passes.stale_weights(1))),
    Fault("bias gradients averaged", BACKWARD, SGD, ALL,
          wrapped(numpy32, backward=gradients(lambda case, w, g: {
              n: v / len(case.batches[0]) if v.ndim == 1 else v for n, v in g.items()}))),
    Fault("one tensor without gradient", BACKWARD, SGD, ALL,
          wrapped(numpy32, backward=passes.each(lambda name, g: g * (name != "layer0/kernel")))),
    Fault("gradients as float16", BACKWARD, ("sgd", "adam"), ALL,
          wrapped(numpy32, backward=passes.each(lambda name, g: passes.halved(g)))),
    Fault("decay written into the gradients", BACKWARD, ("sgd", "adam"), ALL,
          wrapped(numpy32, backward=gradients(lambda case, weights, g: {
              n: updates.with_decay(weights[n], v, numpy32.hyperparameters(case, n))
              for n, v in g.items()}))),
    Fault("float32 products on the way forward in a float64 lane", FORWARD, ("sgd", "adam"), ALL,
          only("float64", wrapped(numpy32, forward=passes.products_in("float32")))),
    Fault("float32 products on the way back in a float64 lane", BACKWARD, ("sgd", "adam"), ALL,
          only("float64", wrapped(numpy32, backward=passes.products_in("float32")))),
    Fault("bfloat16 weights on the way forward in a float32 lane", FORWARD, ("sgd", "adam"), ALL,
          only("float32", wrapped(numpy32, forward=passes.at_weights(passes.shortened, 2)))),
    Fault("float16 products on the way back in a float32 lane", BACKWARD, ("sgd", "adam"), ALL,
          only("float32", wrapped(numpy32, backward=passes.products_in("float16")))),
    Fault("float32 sums in a float64 lane", FORWARD, ("sgd", "adam"), ALL,
          only("float64", wrapped(numpy32, total=passes.sums_in("float32")))),
    Fault("float32 in a float64 lane", FORWARD, EVERY, LINEAR,
          only("float64", given(lambda case: replace(case, dtype="float32")))),
    Fault("activation ignored", FORWARD, SGD, MLP, given(lambda case: replace(
        case, layers=tuple(replace(layer, activation="linear") for layer in case.layers)))),
    Fault("tanh by a continued fraction", FORWARD, SGD, MLP,
          activated("tanh", lambda z: z * (27 + z * z) / (27 + 9 * z * z))),
    Fault("tanh at float32's accuracy in a float64 lane", FORWARD, SGD, MLP,
          only("float64", activated("tanh", lambda z: np.tanh(z.astype("f")).astype(z.dtype)))),
    Fault("sigmoid by straight lines", FORWARD, SGD, MLP,
          activated("sigmoid", lambda z: np.clip(0.2 * z + 0.5, 0, 1))),
    Fault("gelu by tanh", FORWARD, SGD, MLP, given(runs.activation("gelu", "gelu_tanh"))),
    Fault("gelu exact, not by tanh", FORWARD, SGD, MLP,
          given(runs.activation("gelu_tanh", "gelu"))),
    Fault("gelu by a sigmoid", FORWARD, SGD, MLP,
          activated("gelu", lambda z: z * sigmoid(1.702 * z))),
    Fault("another slope of leaky relu", FORWARD, SGD, MLP,
          activated("leaky_relu", lambda z: np.where(z > 0, z, 0.2 * z))),
    Fault("elu's alpha of a half", FORWARD, SGD, MLP,
          activated("elu", lambda z: np.where(z > 0, z, 0.5 * np.expm1(np.minimum(z, 0))))),
    Fault("softplus of base two", FORWARD, SGD, MLP,
          activated("softplus", lambda z: np.log2(1 + np.exp(z)))),
    Fault("relu's slope everywhere", BACKWARD, SGD, MLP, derived("relu", np.ones_like)),
    Fault("tanh's slope of the input", BACKWARD, SGD, MLP, derived("tanh", lambda z: 1 - z * z)),
    Fault("sigmoid's slope of the input", BACKWARD, SGD, MLP,
          derived("sigmoid", lambda z: z * (1 - z))),
    Fault("gelu's slope without its density", BACKWARD, SGD, MLP,
          derived("gelu", lambda z: ACTIVATIONS["gelu"][0](z) / z)),
    Fault("silu's slope without its bend", BACKWARD, SGD, MLP, derived("silu", sigmoid)),
    Fault("elu's slope of the output", BACKWARD, SGD, MLP,
          derived("elu", lambda z: np.where(z > 0, 1, np.expm1(np.minimum(z, 0))))),
    Fault("softplus's slope of relu", BACKWARD, SGD, MLP,
          derived("softplus", lambda z: (z > 0).astype(z.dtype))),
)
# fmt: on

FAULTS = (
    *ARGUMENTS,
    *RATES,
    *ADAPTIVE,
    *ADAFACTORS,
    *MOMENTUM,
    *DECAY,
    *CLIPPING,
    *ELEMENTS,
    *BATCHES,
    *LOSS,
    *MODEL,
)
