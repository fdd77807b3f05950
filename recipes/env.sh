# shellcheck shell=bash
# The Python environment of this checkout; source it and call `use_environment EXTRA`.
#
# It is made when absent and brought up to date when pyproject.toml changes: in .venv, or in the
# folder that KWS_VENV names. PYTHON chooses the interpreter (python3).

use_environment() {
  local extra=$1 root venv marker hash
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  venv=${KWS_VENV:-$root/.venv}
  if [ ! -x "$venv/bin/python" ]; then
    echo "making the Python environment $venv" >&2
    "${PYTHON:-python3}" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
      echo "${PYTHON:-python3}: Python 3.10 or newer is needed; name one: PYTHON=python3.11" >&2
      return 2
    }
    "${PYTHON:-python3}" -m venv "$venv" || {
      echo "$venv: cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2
      return 2
    }
  fi
  hash=$(sha256sum "$root/pyproject.toml" | cut -c1-16)
  marker=$venv/.kws-$extra-$hash
  if [ ! -e "$marker" ]; then
    echo "installing the packages of kws[$extra] (torch is some 4.6 GB, a few minutes)" >&2
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
      --editable "${root}[$extra]" || {
      echo "pip install 'kws[$extra]' failed: see above; try again when the network is back" >&2
      return 2
    }
    touch "$marker"
    case $extra in # what it contains
      test) touch "$venv/.kws-hmm-$hash" "$venv/.kws-train-$hash" ;;
      hmm) touch "$venv/.kws-train-$hash" ;;
    esac
  elif [ "$(cd / && "$venv/bin/python" -c 'import kws; print(kws.__path__[0])' 2>/dev/null)" \
    != "$root/kws" ]; then
    # the environment was made for another checkout: its packages serve, its kws does not
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
      --editable "$root" || return 2
  fi
  export PATH="$venv/bin:$PATH"
}
