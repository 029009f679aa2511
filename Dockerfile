# syntax=docker/dockerfile:1
# The image of the service. Two stages: the first has what is needed to build, the second what runs.
# Every package is held by its hash (requirements/). The base is held by its version; hold it by its digest in your own
# build: --build-arg PYTHON=python:3.13-slim-bookworm@sha256:…
# tests/chart/test_image.py runs the RUN lines below as they stand, in an empty directory.

ARG PYTHON=python:3.13-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
WORKDIR /src
COPY requirements/uv.txt requirements/wheel.txt requirements/service.txt requirements/
RUN ["python", "-m", "venv", "/build"]
RUN ["/build/bin/python", "-m", "pip", "install", "--only-binary=:all:", "--require-hashes", "-r", "requirements/uv.txt", "-r", "requirements/wheel.txt"]
RUN ["/build/bin/uv", "venv", "--python", "/build/bin/python", "/opt/cxone-delta-stream"]
RUN ["/build/bin/uv", "pip", "install", "--python", "/opt/cxone-delta-stream/bin/python", "--compile-bytecode", "--only-binary=:all:", "--require-hashes", "-r", "requirements/service.txt"]
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY stream stream
RUN ["/build/bin/python", "-m", "pip", "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", "/wheels", "."]
RUN ["/build/bin/uv", "pip", "install", "--python", "/opt/cxone-delta-stream/bin/python", "--compile-bytecode", "--no-deps", "--no-index", "--find-links", "/wheels", "cxone-delta-stream"]

FROM ${PYTHON}
LABEL org.opencontainers.image.title="cxone-delta-stream" \
      org.opencontainers.image.description="Change events from Kafka to NICE CXone Data Actions, with exactly one committed outcome for each event." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/python:3.13-slim-bookworm"
ENV PATH=/opt/cxone-delta-stream/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY --from=build /opt/cxone-delta-stream /opt/cxone-delta-stream
WORKDIR /opt/cxone-delta-stream
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["cxone-stream"]
CMD ["run"]
