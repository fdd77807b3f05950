#!/usr/bin/env bash
# Everything that must hold before a change lands: format, lint, types, imports, shell, tests.
# On a fresh machine it makes the environment first. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. recipes/env.sh
use_environment test

ruff format --check .
ruff check .
mypy
lint-imports
git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck -x
pytest "$@"
