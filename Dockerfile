# The server alone: no torch, no compiler, not root. The bundle is mounted and not copied in, so that a new one needs no
# new image:
#
#   docker build -t nerve .
#   docker run --read-only --tmpfs /tmp -p 8080:8080 -v "$PWD/build/bundle:/bundle:ro" -e NERVE_API_KEY=... nerve
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY lock ./lock
COPY runtime ./runtime
RUN python -m venv /opt/nerve && \
    /opt/nerve/bin/pip install --no-cache-dir --require-hashes --no-deps -r lock/build.txt && \
    /opt/nerve/bin/pip install --no-cache-dir --require-hashes --no-deps --no-build-isolation -r lock/serve.txt && \
    /opt/nerve/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin nerve
COPY --from=build /opt/nerve /opt/nerve
USER 10001
# Python writes no caches, and OpenVINO's cache of compiled models goes where a read-only file system has room. A home must
# be known: OpenVINO does not load for a user that has none.
ENV PATH=/opt/nerve/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 XDG_CACHE_HOME=/tmp HOME=/tmp
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/health/ready', timeout=5)"]
ENTRYPOINT ["python", "-m", "runtime.serve"]
CMD ["--bundle", "/bundle", "--host", "0.0.0.0", "--port", "8080"]
