"""The arguments of compile and fit that are known to be ignored."""

from __future__ import annotations

from parity.arguments.claim import Known

FIT: tuple[Known, ...] = (
    Known(
        "*.Model.compile",
        "run_eagerly",
        "argument",
        "whether a graph is traced",
        "the documentation of compile",
    ),
    Known(
        "*.Model.fit",
        "validation_*",
        "argument",
        "there is nothing to validate with",
        "the documentation of fit",
    ),
    Known(
        "*.Model.fit",
        "validation_split",
        "pair",
        "not looked at where validation_data is given: all rows are trained on",
        "keras/src/backend/tensorflow/trainer.py, tf_keras/src/engine/training.py, fit",
        beside="validation_data",
    ),
    Known(
        "*.Model.fit",
        "batch_size",
        "*",
        "a dataset or generator has its own batches",
        "keras/src/trainers/epoch_iterator.py, tf_keras/src/engine/data_adapter.py",
        beside="a *",
    ),
    Known(
        "*.Model.fit",
        "shuffle",
        "*",
        "a dataset or generator has its own order",
        "keras/src/trainers/epoch_iterator.py, tf_keras/src/engine/data_adapter.py",
        beside="a *",
    ),
    Known(
        "keras.Model.fit",
        "class_weight",
        "argument",
        "keys that are no class are not looked up, be they text or too large",
        "keras/src/trainers/data_adapters/data_adapter_utils.py",
        value="{['7]*",
    ),
    Known(
        "*.Model.fit",
        "class_weight",
        "setting",
        "a row of several labels has the weight of the first",
        "data_adapter_utils.py, data_adapter.py: argmax of the row",
        beside="several labels a row",
    ),
    Known(
        "*.Model.compile",
        "weighted_metrics",
        "argument",
        "what is shown, not what is trained",
        "the documentation of compile",
    ),
    Known(
        "*.Model.compile",
        "steps_per_execution",
        "*",
        "how many batches a call of the graph takes; train_on_batch is one",
        "the documentation of compile",
    ),
    Known(
        "*.Model.compile",
        "*",
        "assigned*",
        "compile made its own loss, and the first batch its own graph, of what was there",
        "keras/src/trainers/trainer.py, tf_keras/src/engine/training.py",
    ),
)
