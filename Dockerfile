# annealcam on a CPU.
#
#   docker build -t annealcam .
#   docker run --rm --network none -v "$PWD:/photos" --user "$(id -u):$(id -g)" annealcam explain cat.jpg
#   docker run --rm -p 127.0.0.1:7860:7860 annealcam app --host 0.0.0.0
#
# The container downloads nothing when it runs, so that `--network none` suits all commands but the page.

FROM python:3.11-slim-bookworm AS build
# torch for the CPU alone; the wheels of PyPI bring 3 GB of libraries for NVIDIA's GPUs.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG EXTRAS=study,app
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY tools/long_description.py tools/
COPY src src
RUN python -m venv /opt/annealcam \
 && /opt/annealcam/bin/pip install --no-cache-dir --no-deps --index-url "$TORCH_INDEX" "$(grep '^torch==' constraints.txt)" \
 && /opt/annealcam/bin/pip install --no-cache-dir --constraint constraints.txt ".[$EXTRAS]"

FROM python:3.11-slim-bookworm
COPY --from=build /opt/annealcam /opt/annealcam
# Compiled loops are kept in NUMBA_CACHE_DIR. Any user may write there, so that --user works.
ENV PATH=/opt/annealcam/bin:$PATH NUMBA_CACHE_DIR=/var/cache/annealcam MPLCONFIGDIR=/tmp/matplotlib
RUN useradd --create-home annealcam \
 && install --directory --mode=1777 "$NUMBA_CACHE_DIR" \
 && install --directory --owner=annealcam /photos
USER annealcam
WORKDIR /photos
EXPOSE 7860
ENTRYPOINT ["annealcam"]
CMD ["--help"]
