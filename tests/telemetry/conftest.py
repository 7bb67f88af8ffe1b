"""Where OpenTelemetry is not installed, the tests of what needs it are left out; `make test` installs it."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("opentelemetry") else ["test_spans.py", "test_workers.py"]
