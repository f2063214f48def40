"""The load test of the iris service: every user asks for one flower, then waits 1 to 5 seconds.

Usage: `locust -f locustfile.py --headless -u 1000 -r 100 -t 60s --host http://127.0.0.1:8080`
"""

from locust import HttpUser, between, task


class Visitor(HttpUser):
    wait_time = between(1, 5)

    @task
    def predict(self):
        self.client.post("/v1/iris/predict", json={"data": [[4.8, 3, 1.4, 0.3]]})
