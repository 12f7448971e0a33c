-- What wrk found, as one line of JSON; times in microseconds. It has no function for each request, which would cost.
function done(summary, latency, requests)
   local e = summary.errors
   io.write(string.format(
      '\n{"requests": %d, "duration_us": %d, "errors": %d, "mean": %.3f, "p50": %d, "p90": %d, "p99": %d, "p99.9": %d, "max": %d}\n',
      summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
      latency.mean, latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9),
      latency.max))
end
