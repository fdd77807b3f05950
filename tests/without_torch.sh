#!/usr/bin/env bash
# Other versions of Python: tests/without_torch.sh PYTHON...
#
# For each, in an environment of its own beside the usual one: kws is installed in the lock's
# versions, imported, and passes those of its tests that need no torch (for which not every
# version of Python has a small build).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. recipes/env.sh
[ $# -gt 0 ] || {
  echo "tests/without_torch.sh: name Pythons, such as python3.10 python3.13" >&2
  exit 2
}

for python in "$@"; do
  version=$("$python" -c 'import sys; print("{}.{}".format(*sys.version_info))')
  echo "== Python $version"
  venv=${KWS_VENV:-$PWD/.venv}-$version
  make_environment "$venv" "$python"
  # all of the lock but torch, and what torch alone asks for
  grep -vE '^(torch|triton|nvidia-|cuda-)' recipes/requirements.lock >"$venv/requirements.txt"
  install_locked "$venv" setuptools
  install_locked "$venv" --no-build-isolation --editable .
  install_locked "$venv" --no-deps --requirement "$venv/requirements.txt"
  "$venv/bin/python" -c 'import kws, kws.runtime'
  "$venv/bin/kws" --help >"$venv/help.txt"
  "$venv/bin/pytest" --numprocesses auto -p no:cacheprovider tests/unit tests/golden
done
