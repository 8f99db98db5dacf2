"""Where lanes on CUDA devices differ from the textbook by design."""

from __future__ import annotations

from parity.bounds import TF32
from parity.known.claim import Claim

CLAIMS = tuple(
    Claim(
        lanes=(f"{package}:*-tf32",),
        dial="products",
        value=TF32,
        when={"dtype": ("float32",)},
        why="tensor cores multiply float32 matrices with 10 bits behind the point",
        source="NVIDIA, PTX ISA, mma with .tf32 operands",
        package=package,
        versions=">=0",
    )
    for package in ("torch", "jax", "tensorflow")
)
