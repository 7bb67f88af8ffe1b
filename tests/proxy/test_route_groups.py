"""ROUTE_GROUPS: which groups are served, and which the document has."""

import json
from dataclasses import replace
from typing import Any

import pytest

from app import create_app
from config import Settings, SettingsError


def test_only_the_groups_that_are_named_are_served(settings, backend):
    """Of the others the backend hears nothing, session or not; what is no group stays."""
    client = create_app(replace(settings, route_groups=("auth", "vehicles"))).test_client()
    client.set_cookie("token", "a.b.c")
    backend.answer("GET /api/vehicles", json=[])

    paths = ("/api/vehicles", "/api/routes", "/api/openapi.json", "/healthz")
    statuses = [client.get(path).status_code for path in paths]

    assert statuses == [200, 404, 404, 200]
    assert [request.target for request in backend.requests] == ["/api/vehicles"]


def document_of(settings: Settings) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(create_app(settings).test_client().get("/api/openapi.json").data)
    return document


def test_the_document_has_what_is_served_and_no_more(settings):
    """Operations and tags; another app in the same process has its own."""
    whole = document_of(settings)
    part = document_of(replace(settings, route_groups=("auth", "openapi")))

    assert {tag["name"] for tag in part["tags"]} == {"auth", "openapi", "proxy", "health"}
    assert "/api/auth/login" in part["paths"]
    assert not [path for path in part["paths"] if path.startswith(("/api/vehicles", "/api/auth/users"))]
    assert part["paths"].keys() < whole["paths"].keys()


def test_a_name_that_is_no_group_stops_the_start(settings):
    """A typing error would take an endpoint away."""
    with pytest.raises(SettingsError, match=r"^ROUTE_GROUPS takes names of route groups: auth, users, "):
        create_app(replace(settings, route_groups=("auth", "vehicle")))
