-- For wrk: a POST where a body is given, and at the end the figures as one line of JSON (microseconds).
function init(args)
   if args[1] then
      wrk.method, wrk.body = "POST", args[1]
      wrk.headers["Content-Type"] = "application/json"
   end
end

function done(summary, latency, requests)
   local told = '\n{"requests":%d,"microseconds":%d,"bytes":%d,"statuses":%d,"broken":%d,"p50":%d,"p99":%d}\n'
   local errors = summary.errors
   local broken = errors.connect + errors.read + errors.write + errors.timeout
   io.write(string.format(told, summary.requests, summary.duration, summary.bytes, errors.status, broken,
      latency:percentile(50), latency:percentile(99)))
end
