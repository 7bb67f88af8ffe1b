"""When traces are asked for, and that nothing is there when they are not."""

import os
import signal
import subprocess
import sys

import pytest

import config
from config import SettingsError
from proxy.telemetry import asked_for_by
from tests.server import ROOT, Server

EXPORTER, ENDPOINT = "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT"
FOR_TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
PROTOCOL, PROTOCOL_FOR_TRACES = "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"


@pytest.mark.parametrize(
    ("otel", "name"),
    [
        ({EXPORTER: "otlp"}, EXPORTER),
        ({EXPORTER: " otlp "}, EXPORTER),
        ({ENDPOINT: "http://collector:4318"}, ENDPOINT),
        ({FOR_TRACES: "http://collector:4318/v1/traces"}, FOR_TRACES),
        ({EXPORTER: "", ENDPOINT: "http://collector:4318"}, ENDPOINT),
        ({EXPORTER: "otlp", "OTEL_SDK_DISABLED": "false"}, EXPORTER),
        ({EXPORTER: "otlp", "OTEL_SDK_DISABLED": "1"}, EXPORTER),
        ({EXPORTER: "otlp", PROTOCOL: "http/protobuf"}, EXPORTER),
        ({EXPORTER: "otlp", HEADERS: "api-key=Basic x==, tenant=north,"}, EXPORTER),
        ({EXPORTER: "otlp", PROTOCOL: "grpc", PROTOCOL_FOR_TRACES: "http/protobuf"}, EXPORTER),
    ],
)
def test_they_are_asked_for_by_name_or_by_an_address(otel, name):
    """A blank variable is not set, and `true` alone is true (OpenTelemetry, environment variables)."""
    assert asked_for_by(otel) == name


@pytest.mark.parametrize(
    "otel",
    [
        {},
        {EXPORTER: "none", ENDPOINT: "http://collector:4318"},
        {ENDPOINT: "http://collector:4318", "OTEL_SDK_DISABLED": "True"},
        {EXPORTER: "zipkin", "OTEL_SDK_DISABLED": "true"},
        {ENDPOINT: "  "},
        {"OTEL_SERVICE_NAME": "bff", "OTEL_METRICS_EXPORTER": "otlp", PROTOCOL: "grpc"},
    ],
)
def test_otherwise_there_are_none(otel):
    """A platform may set some of these for every service it runs."""
    assert asked_for_by(otel) is None


@pytest.mark.parametrize(
    ("otel", "message"),
    [
        ({EXPORTER: "zipkin"}, "OTEL_TRACES_EXPORTER takes otlp or none"),
        ({EXPORTER: "otlp,console"}, "OTEL_TRACES_EXPORTER takes otlp or none"),
        ({ENDPOINT: "http://c:4317", PROTOCOL: "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL takes http/protobuf"),
        ({EXPORTER: "otlp", PROTOCOL_FOR_TRACES: "http/json"}, f"{PROTOCOL_FOR_TRACES} takes http/protobuf"),
        ({ENDPOINT: "collector:4318"}, f"{ENDPOINT} takes the collector's address: http://collector.internal:4318"),
        ({EXPORTER: "otlp", HEADERS: "canary"}, f"{HEADERS} takes name=value, with commas between several"),
        ({EXPORTER: "otlp", HEADERS: "a=b, canary"}, f"{HEADERS} takes name=value, with commas between several"),
    ],
)
def test_what_we_do_not_have_is_said(otel, message):
    """Better than spans that nobody receives; and OpenTelemetry would quote a header field in the log."""
    with pytest.raises(SettingsError, match=f"^{message}$"):
        asked_for_by(otel)


def test_nobody_who_does_not_ask_loads_anything():
    """Neither OpenTelemetry, nor our half of it."""
    code = (
        "import sys; from app import create_app; from config import Settings\n"
        "create_app(Settings(api_base_url='http://127.0.0.1:9'))\n"
        "print([name for name in sys.modules if 'telemetry.' in name or name == 'proxy.spans'])"
    )

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env={}, check=True)

    assert result.stdout.strip() == "[]"


def test_without_traces_a_trace_context_passes_as_it_is(client, backend):
    """Byte for byte, whatever version of the format it is."""
    backend.answer("GET /api/vehicles", json=[])
    context = {"traceparent": f"cc-{'a' * 32}-{'b' * 16}-01-more", "tracestate": "x=1,  y=2"}

    client.get("/api/vehicles", headers=context)

    assert {name: backend.last.headers[name] for name in context} == context


@pytest.mark.parametrize("app_env", ["production", "development"])
def test_missing_packages_end_the_start_in_one_line(tmp_path, app_env):
    """It names the variable that asked, and what helps."""
    (tmp_path / "opentelemetry.py").write_text("raise ModuleNotFoundError('No module named opentelemetry')")
    environ = {"APP_ENV": app_env, "API_BASE_URL": "http://127.0.0.1:9", ENDPOINT: "http://127.0.0.1:9"}
    server = Server({**environ, "PYTHONPATH": str(tmp_path)}).start()

    status = server.wait()
    server.stop(signal.SIGTERM)

    assert status != 0
    line = (
        "OTEL_EXPORTER_OTLP_ENDPOINT asks for traces, which need more packages: "
        "pip install -r requirements-otel.txt (or set OTEL_SDK_DISABLED=true)\n"
    )
    assert line in server.output
    assert "Traceback" not in server.output


def test_in_development_a_file_may_ask(tmp_path, monkeypatch):
    """OpenTelemetry reads the environment by itself: what `.env` says must be there."""
    (tmp_path / ".env").write_text(f"{ENDPOINT}=http://from-the-file:4318\nOTEL_SERVICE_NAME=from-the-file\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APP_ENV", "development")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "from-the-environment")
    monkeypatch.setenv(ENDPOINT, "put back when the test is over")
    monkeypatch.delenv(ENDPOINT)

    otel = config.load().otel

    assert otel == {ENDPOINT: "http://from-the-file:4318", "OTEL_SERVICE_NAME": "from-the-environment"}
    assert {name: os.environ[name] for name in otel} == otel
