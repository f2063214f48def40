"""What a data scientist writes today: FastAPI around `joblib.load`.

Run with MODEL set: `uvicorn fastapi_app:app --port 5001 --workers 2 --no-access-log`
"""

import os

import joblib
from fastapi import FastAPI
from pydantic import BaseModel

model = joblib.load(os.environ["MODEL"])
app = FastAPI()


class Rows(BaseModel):
    data: list[list[float]]


@app.post("/predict")
def predict(rows: Rows):
    return {"prediction": model.predict(rows.data).tolist(), "probability": model.predict_proba(rows.data).tolist()}
