"""The other thing a data scientist writes today: Flask around `joblib.load`, behind gunicorn.

Run with MODEL set: `gunicorn --workers 2 --bind 127.0.0.1:5002 flask_app:app`
"""

import os

import joblib
from flask import Flask, jsonify, request

model = joblib.load(os.environ["MODEL"])
app = Flask(__name__)


@app.post("/predict")
def predict():
    rows = request.get_json()["data"]
    return jsonify(prediction=model.predict(rows).tolist(), probability=model.predict_proba(rows).tolist())
