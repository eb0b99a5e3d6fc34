# The portal as an image: assets built with node, packages installed with hashes, run by an account without rights.

FROM node:24-slim AS assets
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --loglevel=error
COPY static ./static
RUN npm run --silent build

FROM python:3.13-slim AS packages
COPY requirements-production.lock ./
RUN python -m venv /opt/portal \
    && /opt/portal/bin/pip install --no-cache-dir --disable-pip-version-check \
       --require-hashes --only-binary :all: --requirement requirements-production.lock

FROM python:3.13-slim AS portal
# A real account: PostgreSQL's and Celery's tools look the user up by its number.
RUN groupadd --gid 10001 portal \
    && useradd --uid 10001 --gid portal --home-dir /srv/portal --no-create-home --shell /usr/sbin/nologin portal \
    && install --directory --owner portal --group portal /srv/media /srv/beat
ENV PATH=/opt/portal/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    STATIC_ROOT=/srv/staticfiles \
    MEDIA_ROOT=/srv/media
WORKDIR /srv/portal
COPY --from=packages /opt/portal /opt/portal
COPY . .
COPY --from=assets /build/static/built ./static/built
RUN python -m compileall -q . \
    && SECRET_KEY=used-only-while-the-image-is-built PORTAL_PRODUCTION=yes python manage.py collectstatic --noinput
USER portal
VOLUME /srv/media
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "-m", "wwcsc.local.proof", "web"]
CMD ["gunicorn", "wwcsc.wsgi", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--workers", "2", "--threads", "4", \
     "--preload", "--no-control-socket", "--worker-tmp-dir", "/dev/shm"]
