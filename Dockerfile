# ganbench with all that it needs to run; `docker run --rm IMAGE` runs the quickstart.
#
#   docker build --tag ganbench .                                        PyTorch's default wheels: with CUDA on x86-64, with or without a GPU
#   docker build --tag ganbench:cpu --build-arg TORCH_INDEX=ADDRESS .    for CPUs alone; ADDRESS of CPU wheels: PyTorch's page of installation
#
# BuildKit, which docker takes by default, is needed for the mounts: they keep the wheel and the pins out of the layers.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY ganbench ganbench
COPY baselines baselines
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:${PYTHON}-slim
ARG TORCH_INDEX=
ENV PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1
# torch first: the largest layer by far changes only with the pins
RUN --mount=type=bind,source=requirements.lock,target=/requirements.lock \
    pip install --constraint /requirements.lock ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} torch torchvision
RUN --mount=type=bind,source=requirements.lock,target=/requirements.lock --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --constraint /requirements.lock /wheels/*.whl
# whoever runs it, with --user too, can write caches and results: nobody needs to be root; torch asks for the user's name
RUN useradd --create-home ganbench && mkdir /work && chmod 1777 /work /home/ganbench
ENV HOME=/home/ganbench USER=ganbench
USER ganbench
WORKDIR /work
ENTRYPOINT ["ganbench"]
CMD ["quickstart"]
