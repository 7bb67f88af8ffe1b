"""What one writes first: Flask, `requests.Session`, the cookie's token as the bearer token."""

import os

import requests
from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue

app = Flask(__name__)
session = requests.Session()


@app.route("/api/<path:path>", methods=["GET", "POST"])
def forward(path: str) -> ResponseReturnValue:
    """The backend's answer; 401 where nobody is signed in."""
    token = request.cookies.get("token")
    if not token:
        return jsonify(error="No autorizado"), 401
    reply = session.request(
        request.method,
        f"{os.environ['API_BASE_URL']}/api/{path}",
        params=request.args,
        data=request.get_data(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        timeout=30,
    )
    return Response(reply.content, reply.status_code, content_type=reply.headers["Content-Type"])
