# shellcheck shell=bash
# The Python environment of this checkout; source it and call `use_environment EXTRA`.
#
# It is made when absent and brought up to date when pyproject.toml or the lock changes: in .venv, or
# in the folder that KWS_VENV names. PYTHON chooses the interpreter (python3). The packages have the
# exact versions of recipes/requirements.lock.

_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

make_environment() { # VENV PYTHON: without packages, unless it is there
  [ ! -x "$1/bin/pip" ] || return 0 # python alone: it was interrupted while it was made
  echo "making the Python environment $1" >&2
  "$2" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
    echo "$2: Python 3.10 or newer is needed; name one: PYTHON=python3.11" >&2
    return 2
  }
  "$2" -m venv "$1" || {
    echo "$1: cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2
    return 2
  }
}

install_locked() { # VENV ARGUMENTS: by pip, in the lock's versions
  "$1/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint "$_root/recipes/requirements.lock" "${@:2}"
}

use_environment() { # EXTRA
  local extra=$1 venv=${KWS_VENV:-$_root/.venv} marker hash
  make_environment "$venv" "${PYTHON:-python3}" || return
  hash=$(cat "$_root/pyproject.toml" "$_root/recipes/requirements.lock" | sha256sum | cut -c1-16)
  marker=$venv/.kws-$extra-$hash
  if [ ! -e "$marker" ] && [ ! -e "$venv/.newest" ]; then
    echo "installing the packages of kws[$extra], a few minutes (README.md says how to do without" \
      "CUDA's 4 GB)" >&2
    # setuptools first: it builds kws here, where a build of its own would take the newest
    { install_locked "$venv" setuptools &&
      install_locked "$venv" --no-build-isolation --editable "${_root}[$extra]"; } || {
      echo "pip install 'kws[$extra]' failed: see above; try again when the network is back" >&2
      return 2
    }
    touch "$marker"
    case $extra in # what it contains
      test) touch "$venv/.kws-hmm-$hash" "$venv/.kws-train-$hash" ;;
      hmm) touch "$venv/.kws-train-$hash" ;;
    esac
  elif [ "$(cd / && "$venv/bin/python" -c 'import kws; print(kws.__path__[0])' 2>/dev/null)" \
    != "$_root/kws" ]; then
    # the environment was made for another checkout: its packages serve, its kws does not
    install_locked "$venv" --no-build-isolation --no-deps --editable "$_root" || return 2
  fi
  export PATH="$venv/bin:$PATH"
}

use_newest_environment() { # EXTRA: what pip gives today to a user who has no lock
  local extra=$1 venv=${KWS_VENV:-$_root/.venv}-newest
  make_environment "$venv" "${PYTHON:-python3}" || return
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade \
    --upgrade-strategy eager --editable "${_root}[$extra]" || return 2
  touch "$venv/.newest" # recipes that run in it leave its packages alone
  export PATH="$venv/bin:$PATH"
}
