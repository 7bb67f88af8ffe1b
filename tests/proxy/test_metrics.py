"""What Prometheus is told, and who may ask."""

from dataclasses import replace

import pytest

from app import create_app
from setting_types import Secret


def test_requests_are_counted_by_rule_method_and_status(client, backend):
    """Never by what a browser can make up: a name in the path, a method, a code of the backend's."""
    backend.answer("GET /api/vehicles/A%2FB", 404, json={"error": "no"}, headers=[("X-BFF-Error", "made_up")])
    client.get("/api/vehicles/A%2FB")
    client.get("/api/vehicles/A%2FB")
    client.open("/api/made/up", method="MADEUP")

    text = client.get("/metrics").text

    assert 'bff_requests_total{method="GET",route="/api/vehicles/<alias>",status="404"} 2.0' in text
    assert 'bff_requests_total{method="other",route="-",status="404"} 1.0' in text
    assert 'bff_request_seconds_count{route="/api/vehicles/<alias>"} 2.0' in text
    assert 'bff_refusals_total{code="not_found"} 1.0' in text
    assert "made" not in text.lower()


def test_connections_are_counted_as_they_open(client, backend):
    """Many more than a few, and the backend closes what should stay open."""
    backend.answer("GET /api/vehicles", json=[])
    for _ in range(3):
        client.get("/api/vehicles")

    text = client.get("/metrics").text

    assert "bff_backend_connections_opened_total 1.0" in text
    assert "bff_backend_requests_in_flight 0.0" in text
    assert "bff_requests_in_flight 1.0" in text


@pytest.mark.parametrize(
    ("app_env", "token", "sent", "status"),
    [
        ("testing", None, None, 200),
        ("production", None, None, 404),
        ("production", None, "Bearer s3cret", 404),
        ("production", "s3cret", None, 401),
        ("production", "s3cret", "Bearer s3cre", 401),
        ("production", "s3cret", "s3cret", 401),
        ("production", "s3cret", "Bearer s3cret\xff", 401),
        ("production", "s3cret", "Bearer s3cret", 200),
        ("testing", "s3cret", None, 401),
    ],
)
def test_metrics_are_for_those_who_know_the_token(settings, app_env, token, sent, status):
    """OWASP ASVS 5.0, 13.4.5: monitoring endpoints are not public."""
    told = replace(settings, app_env=app_env, metrics_token=token and Secret(token))

    response = create_app(told).test_client().get("/metrics", headers={"Authorization": sent} if sent else {})

    assert response.status_code == status
    assert ("bff_requests_total" in response.text or "# HELP" in response.text) == (status == 200)
