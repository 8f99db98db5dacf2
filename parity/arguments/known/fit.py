"""The arguments of compile, fit and layers that are known to be ignored."""

from __future__ import annotations

from parity.arguments.claim import Known, both

_ADAPTERS = "keras/src/trainers/epoch_iterator.py, tf_keras/src/engine/data_adapter.py"
_TRAINERS = "keras/src/trainers/trainer.py, tf_keras/src/engine/training.py"

FIT: tuple[Known, ...] = (
    Known(
        both("Model.fit"),
        "batch_size",
        "setting",
        "a dataset or generator has its own batches",
        _ADAPTERS,
        beside="a dataset|a generator",
        expected="batches of that size, or an error",
    ),
    Known(
        both("Model.fit"),
        "shuffle",
        "setting",
        "a dataset or generator has its own order",
        _ADAPTERS,
        beside="a dataset|a generator",
        expected="shuffled rows, or an error",
    ),
    Known(
        "keras.Model.fit",
        "class_weight",
        "argument",
        "keys that are no class are not looked up, be they text or too large",
        "keras/src/trainers/data_adapters/data_adapter_utils.py",
        value="{'0'*|{7*",
        expected="weights read from JSON, with text for keys, are used or refused",
    ),
    Known(
        both("Model.fit"),
        "class_weight",
        "setting",
        "a row of several labels has the weight of the first",
        "data_adapter_utils.py, data_adapter.py: argmax of the row",
        beside="several labels a row",
        expected="the last label's weight counts where it stands beside others",
    ),
    Known(
        both("Model.fit"),
        "validation_split",
        "pair",
        "not looked at where validation_data is given: all rows are trained on",
        "keras/src/backend/tensorflow/trainer.py, tf_keras/src/engine/training.py, fit",
        beside="validation_data",
        expected="the rows split off are not trained on",
    ),
    Known(
        both("Model.fit"),
        "validation_steps|validation_batch_size|validation_freq",
        "argument",
        "there is nothing to validate with",
        "the documentation of fit",
    ),
    Known(
        both("Model.compile"),
        "weighted_metrics",
        "argument",
        "what is shown, not what is trained",
        "the documentation of compile",
    ),
    Known(
        "tf_keras.Model.compile",
        "run_eagerly",
        "argument|assigned|assigned late",
        "whether a graph is traced",
        "the documentation of compile",
    ),
    Known(
        "keras.Model.compile",
        "steps_per_execution",
        "argument|assigned|assigned late",
        "how many batches a call of the graph takes; train_on_batch is one",
        "the documentation of compile",
    ),
    Known(
        both("Model.compile"),
        "loss",
        "assigned|assigned late",
        "compile made its own loss of what was there",
        _TRAINERS,
        expected="`model.loss = ...` trains with the new loss",
    ),
    Known(
        both("Model.compile"),
        "optimizer",
        "assigned late",
        "the first batch made its graph with the optimizer that was there",
        _TRAINERS,
        expected="`model.optimizer = ...` trains with the new optimizer",
    ),
    Known(
        both("Model.compile"),
        "jit_compile",
        "assigned late",
        "the first batch made its graph as it was said then",
        _TRAINERS,
    ),
    Known(
        both("layers.Dense"),
        "kernel_*|bias_*",
        "assigned|assigned late",
        "handed to the weights when they are made",
        "keras/src/layers/layer.py, tf_keras/src/engine/base_layer.py, add_weight",
        expected="a regularizer or constraint set for fine-tuning acts",
    ),
    Known(
        both("layers.Dense"),
        "activity_regularizer",
        "assigned late",
        "the first batch made its graph of what was there",
        _TRAINERS,
    ),
)
