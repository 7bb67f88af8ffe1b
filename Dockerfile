# The service (the last stage, so `docker build .` makes it) and, with `--target sandbox`, the development backend.
# Pinned by tag, for security updates; to pin what was tested, by digest too: python:3.13-slim@sha256:… , as told by
# `docker buildx imagetools inspect python:3.13-slim`.
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS builder
WORKDIR /build
COPY requirements.txt ./
# Wheels alone, each with a hash that is in the lock: nothing is built. pip stays here; what it installs goes on.
RUN python -m venv --without-pip /opt/venv \
 && python -m pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check --no-compile \
    --require-hashes --only-binary=:all: -r requirements.txt \
 && python -m compileall -q --invalidation-mode unchecked-hash /opt/venv

FROM ${PYTHON} AS runtime
# Standard output is the log, a line at a time; bytecode is made here, for the file system is read-only later.
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m pip uninstall --yes --quiet --root-user-action=ignore pip
COPY --from=builder /opt/venv /opt/venv
WORKDIR /app

FROM runtime AS sandbox
LABEL org.opencontainers.image.title="KilomeTracker sandbox" \
      org.opencontainers.image.description="The development backend: demo accounts with printed passwords" \
      org.opencontainers.image.licenses="MIT"
COPY raw_path.py ./
COPY sandbox/ sandbox/
# Readable for its user, whatever the umask of the checkout was.
RUN chmod -R a+rX . && python -m compileall -q --invalidation-mode unchecked-hash .
# A number, so that Kubernetes can see that it is not root (runAsNonRoot).
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --start-interval=1s --retries=3 \
    CMD ["python", "-c", "import socket; socket.create_connection(('127.0.0.1', 8001), 3)"]
EXPOSE 8001
# As Ctrl-C: the first process of a container is deaf to a signal that it does not handle.
STOPSIGNAL SIGINT
# /tmp is the one place it may write to.
ENTRYPOINT ["python", "-m", "sandbox", "--host", "0.0.0.0", "--port", "8001", "--database", "/tmp/sandbox.sqlite3"]

FROM runtime AS bff
LABEL org.opencontainers.image.title="KilomeTracker BFF" \
      org.opencontainers.image.description="Stands between a browser with an HTTP-only cookie and a private JSON API" \
      org.opencontainers.image.licenses="MIT"
COPY *.py ./
COPY checks/ checks/
COPY proxy/ proxy/
RUN chmod -R a+rX . && python -m compileall -q --invalidation-mode unchecked-hash .
USER 10001:10001
# /healthz and not /readyz: a backend that is down is no reason to restart us. http.client, for it asks no HTTP_PROXY.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --start-interval=1s --retries=3 \
    CMD ["python", "-c", "import http.client as h, os; c = h.HTTPConnection('127.0.0.1', int(os.environ.get('PORT') or 8000), timeout=3); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
EXPOSE 8000
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "serve.py"]
