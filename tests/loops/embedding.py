"""An embedding row that is used twice in a batch, in the Keras that is named; prints the findings.

Keras 3 on TensorFlow gives the second moment the sum of both squares, not the square of the sum.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module

import numpy as np

import parity

keras = import_module(sys.argv[1])
model = keras.Sequential([keras.layers.Embedding(4, 2), keras.layers.Flatten()])
rows = np.array([[0, 0], [1, 2]])
with parity.watch(model) as trace:
    model.compile(keras.optimizers.Adam(learning_rate=0.1), "mse")
    model.fit(rows, np.array([[1.0, 2.0, -3.0, 0.5], [0.0, 1.0, 2.0, 3.0]]), verbose=0)
report = trace.judge()
kinds = [str(finding.kind) for finding in report.findings]
json.dump({"findings": kinds, "text": str(report)}, sys.stdout)
