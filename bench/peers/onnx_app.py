"""The same service around a model that was converted for onnxruntime.

Run with MODEL set: `uvicorn onnx_app:app --port 5003 --workers 2 --no-access-log`
"""

import os

import numpy
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
# One thread for each of the two workers.
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
app = FastAPI()


class Rows(BaseModel):
    data: list[list[float]]


@app.post("/predict")
def predict(rows: Rows):
    label, probability = session.run(None, {name: numpy.asarray(rows.data, dtype=numpy.float32)})
    return {"prediction": label.tolist(), "probability": probability.tolist()}
