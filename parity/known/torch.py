"""Where PyTorch differs from the textbook by design."""

from __future__ import annotations

from parity.known.claim import DOUBLE, Claim, by, stated

_NORMS = {"clip": ("norm", "global_norm")}
_CLASS_WEIGHTS = {"class_weights": (True,)}

_TORCH = stated(
    ("torch", "torch:*"),
    "torch",
    ">=2.13",
    (
        "class_weights",
        "class",
        _CLASS_WEIGHTS,
        "CrossEntropyLoss(weight=) weighs each class's term of the sum, not the row",
        "torch.nn.CrossEntropyLoss documentation",
    ),
    (
        "class_weights_divisor",
        "weights",
        {**_CLASS_WEIGHTS, "labels": ("integer",), "weighted": (False,)},
        "CrossEntropyLoss(weight=) divides by the sum of the weights of the rows' labels",
        "torch.nn.CrossEntropyLoss documentation",
    ),
    (
        "clip_eps",
        1e-6,
        _NORMS,
        "clip_grad_norm_ divides by norm + 1e-6, so the clipped norm stays below the limit",
        "torch/nn/utils/clip_grad.py, _clip_grads_with_norm_",
    ),
    (
        "mu_product",
        "float32",
        by("nadam"),
        "NAdam keeps the product of its momenta in a float32 tensor, in float64 runs too",
        "torch/optim/nadam.py, _init_group",
    ),
    (
        "eps",
        "at least",
        by("adafactor"),
        "eps1 is not added to g**2: the mean of the row factors and the root are at least eps1",
        "torch/optim/_adafactor.py, _single_tensor_adafactor",
    ),
    (
        "softplus_threshold",
        20.0,
        {"activation": ("softplus",), "dtype": DOUBLE},
        "softplus is the identity above its threshold of 20, 2e-9 off in float64",
        "torch.nn.Softplus documentation",
    ),
)

_TORCH_COMPILE = stated(
    ("torch:compile",),
    "torch",
    ">=2.13",
    (
        "correction",
        "float32",
        by("adam", "adamw", "amsgrad", "adamax", "nadam", "radam"),
        "compiled, the step counter is a float32 tensor, and so are the bias corrections",
        "torch/optim/adam.py, the branch for capturable",
    ),
    (
        "rounded",
        ("lr",),
        by("adagrad", dtype=DOUBLE, schedule=(False,)),
        "compiled, lr is divided by 1 + (step - 1) * lr_decay, whose step is a float32 tensor; "
        "but not where lr is a tensor itself",
        "torch/optim/adagrad.py, _single_tensor_adagrad",
    ),
)

CLAIMS: tuple[Claim, ...] = (*_TORCH, *_TORCH_COMPILE)
