#!/usr/bin/env bash
# The GPU benchmark for a machine without network: this script, then an archive with Deno, ONNX Runtime and the code.
# Usage: bash FILE FOLDER [options of bench:gpu]. Writes gpu.json, gpu.md and gpu.log into FOLDER.
set -eu -o pipefail
if [ $# -lt 1 ]; then
  echo "Usage: bash $0 FOLDER [options]: the folder is for results, the options are those of deno task bench:gpu" >&2
  exit 2
fi
results=$1
shift
mkdir -p "$results"
results=$(cd "$results" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

decompress() {
  if command -v xz >/dev/null; then
    xz -dc
  else
    python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.stdin.buffer), sys.stdout.buffer)'
  fi
}
tail -n +ARCHIVE_LINE "$0" | decompress | tar -xf - -C "$folder"

# Libraries that this machine has come from it; the others from the archive.
known=$( (ldconfig -p || /sbin/ldconfig -p) 2>/dev/null || true)
for path in "$folder"/lib/*; do
  if [[ $known == *"$(basename "$path") "* ]]; then rm -f "$path"; fi
done
nvidia=/usr/local/nvidia/lib64 # where NVIDIA's containers mount the driver
export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$folder/lib$([ -d $nvidia ] && echo ":$nvidia" || true)"
export HOME="${HOME:-$folder}" DENO_DIR="$folder/deno" DENO_NO_UPDATE_CHECK=1
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-$folder}"

cd "$folder"
echo "Libraries from the archive:" $(ls lib) | tee "$results/gpu.log" >&2
code=0
./bin/deno run --no-prompt --no-remote -A bench/gpu/main.ts --out "$results/gpu.json" "$@" 2>&1 |
  tee -a "$results/gpu.log" || code=$?
exit $code
