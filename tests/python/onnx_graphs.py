"""Make golden cases of ONNX operators that no converter writes yet, by hand: what ONNX Runtime answers to them.

Usage, in a virtual environment with `onnx` and `onnxruntime`: `python onnx_graphs.py tests/golden`. Layout as
`tests/golden/README.md` describes it.
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

GOLDEN = pathlib.Path(sys.argv[1])
OPSETS = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 5)]
NAN = float("nan")


def text(value):
    return "" if value is None or value != value else repr(float(value))


def write(case, node, given, answer, names, rows, feeds):
    """A graph of one node. `rows` stand in the table; `feeds` are what ONNX Runtime is given for them, call by call."""
    graph = helper.make_graph([node], case, [given], [answer])
    model = helper.make_model(graph, opset_imports=OPSETS, ir_version=10)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    predicted = np.concatenate([session.run(None, {given.name: feed})[0] for feed in feeds])
    folder = GOLDEN / f"onnx-{case}"
    folder.mkdir(exist_ok=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    lines = [",".join(names), *(",".join(map(text, row)) for row in rows)]
    (folder / "input.csv").write_text("\n".join(lines) + "\n")
    regression = node.op_type == "TreeEnsemble"
    expected = {
        "library": "onnxruntime",
        "versions": {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__},
        "estimator": node.op_type,
        "estimator_tree": [node.op_type],
        "task": "regression" if regression else "transform",
        "model_file": "model.onnx",
        "serialization": "onnx",
        "input_form": "ndarray",
        "feature_names": names,
        "feature_types": ["float32"] * len(names),
        "n_rows": len(rows),
        "classes": None,
        "predict": predicted.tolist() if regression else None,
        "transform": None if regression else predicted.tolist(),
        "tolerance": {"rel": 1e-06, "abs": 1e-07},
        "onnx": {"output_of": {"predict" if regression else "transform": answer.name}},
        "notes": "made by hand",
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def numbers(kind, values):
    return helper.make_tensor("t", kind, [len(values)], values)


def tree_ensemble():
    """Two trees over three columns: every comparison, a set, a missing value, a leaf that two branches end in."""
    kind = TensorProto.FLOAT
    # The nodes of the first tree are 0 to 4, those of the second 5 and 6.
    node = helper.make_node(
        "TreeEnsemble",
        ["X"],
        ["Y"],
        domain="ai.onnx.ml",
        n_targets=2,
        aggregate_function=1,
        post_transform=0,
        tree_roots=[0, 5],
        nodes_featureids=[0, 1, 2, 1, 0, 2, 0],
        nodes_modes=numbers(TensorProto.UINT8, [0, 1, 6, 3, 2, 4, 0]),
        nodes_splits=numbers(kind, [0.5, -1.0, 0.0, 2.0, 1.5, 3.0, 0.25]),
        nodes_truenodeids=[1, 0, 3, 3, 4, 6, 6],
        nodes_trueleafs=[0, 1, 0, 1, 1, 0, 1],
        nodes_falsenodeids=[2, 1, 4, 2, 5, 7, 6],
        nodes_falseleafs=[0, 1, 0, 1, 1, 1, 1],
        nodes_missing_value_tracks_true=[1, 0, 0, 0, 1, 0, 0],
        leaf_targetids=[0, 0, 0, 0, 0, 0, 1, 1],
        leaf_weights=numbers(kind, [0.1, 0.7, -0.3, 1.25, 2.5, -4.0, 0.6, -0.2]),
        membership_values=numbers(kind, [1.0, 3.0, 4.0]),
    )
    random = np.random.RandomState(5)
    rows = np.column_stack([random.randn(40), random.randn(40) * 2, random.randint(0, 6, 40)]).astype(np.float32)
    rows[0], rows[1], rows[2] = [0.5, -1.0, 3.0], [1.5, 2.0, 4.0], [NAN, -2.0, 1.0]
    given = helper.make_tensor_value_info("X", kind, [None, 3])
    answer = helper.make_tensor_value_info("Y", kind, [None, 2])
    write("tree-ensemble-5", node, given, answer, ["f0", "f1", "f2"], rows.tolist(), [rows])


def dict_vectorizer():
    """A map from texts to numbers, of which every row gives some."""
    keys = ["age", "height", "weight"]
    node = helper.make_node("DictVectorizer", ["X"], ["Y"], domain="ai.onnx.ml", string_vocabulary=keys)
    values = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
    given = helper.make_value_info("X", helper.make_map_type_proto(TensorProto.STRING, values))
    answer = helper.make_tensor_value_info("Y", TensorProto.FLOAT, [None, 3])
    rows = [[30.5, 1.75, 70.0], [None, 1.5, 50.25], [1.0, None, None]]
    feeds = [{key: value for key, value in zip(keys, row, strict=True) if value is not None} for row in rows]
    write("dict-vectorizer", node, given, answer, keys, rows, feeds)


tree_ensemble()
dict_vectorizer()
