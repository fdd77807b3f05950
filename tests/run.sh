#!/usr/bin/env bash
# Everything that must hold before a change lands: format, lint, types, imports, shell, tests.
# On a fresh machine it makes the environment first. Arguments go to pytest.
#
# tests/run.sh --newest [ARGUMENTS]: the same in an environment of its own, with the newest version
# of every package but those with an exact pin in pyproject.toml: what a user without the lock gets.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. recipes/env.sh
types=()
if [ "${1:-}" = --newest ]; then
  shift
  types=(--no-warn-unused-ignores) # the lock's torch needs some that a newer one does not
  use_newest_environment test
else
  use_environment test
fi

ruff format --check .
ruff check .
mypy "${types[@]}"
lint-imports
git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck -x
pytest --numprocesses auto "$@"
