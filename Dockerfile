# The image of an environment: nothing but the packages of its lock file. Fixbench itself is
# mounted by the launcher, so that a change of its code needs no new image.
#
#   make image                                    for this machine, from the locked base
#   make image WHEELS=folder BASE_IMAGE=local     without network
#
# The base needs Python 3.11 as python3. CUDA comes with torch's own packages (TORCH=cuda).
ARG BASE_IMAGE=python:3.11-slim-bookworm@sha256:2e32f7d302adc1c37428355c1e646897c0c53f4fd60b6a551245fb90ee129f91


FROM ${BASE_IMAGE} AS packages

ARG TORCH=cuda
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
# Wheels are optional: the pattern may match nothing as long as the lock file is there.
COPY envs/torch-${TORCH}.lock wheels* /build/
# setuptools first: a few packages come as source, which it builds (no compiler is needed).
RUN lock=/build/torch-${TORCH}.lock \
    && sed -n '/^setuptools==/,/[^\\]$/p' $lock > /build/setuptools.lock \
    && if ls /build/*.whl >/dev/null 2>&1; then offline="--no-index --find-links /build"; fi \
    && python3 -m venv /opt/fixbench \
    && pip="/opt/fixbench/bin/python -m pip --disable-pip-version-check" \
    && install="$pip install --no-cache-dir --progress-bar off --no-deps --no-build-isolation $offline" \
    && $install --quiet --require-hashes -r /build/setuptools.lock \
    && $install --require-hashes -r $lock \
    && $pip check \
    && $pip uninstall --quiet --yes pip


# The environment "torch" of envs/: the stages after the next would be those of others.
FROM ${BASE_IMAGE} AS torch

COPY --from=packages /opt/fixbench /opt/fixbench
ENV PATH=/opt/fixbench/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CUBLAS_WORKSPACE_CONFIG=:4096:8 \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin fixbench
USER 10001:10001
WORKDIR /work
CMD ["python", "--version"]
