-- A wrk script: posts $BODY as JSON with the API key $KEY, if there is one, and prints what came of it as one line of JSON.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["X-API-Key"] = os.getenv("KEY")
wrk.body = os.getenv("BODY")

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"rate": %.1f, "p50_us": %d, "p99_us": %d, "failures": %d}\n',
    summary.requests / summary.duration * 1e6,
    latency:percentile(50),
    latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
