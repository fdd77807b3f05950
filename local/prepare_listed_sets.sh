#!/usr/bin/env bash
# Cuts data dirs that come with lists/{train,dev,test}.txt into one data dir per role and set:
#
#   local/prepare_listed_sets.sh [--allow-commands] OUT SET...
#
# makes OUT/train/NAME, OUT/dev/NAME, OUT/test/NAME. A set without lists goes to OUT/train whole. With
# --allow-commands a wav.scp may hold commands that have to be run. recipes/run.sh then takes each of
# the folders:
#
#   train=(OUT/train/*) dev=(OUT/dev/*) test=(OUT/test/*)
#   recipes/run.sh "${train[@]/#/--train=}" "${dev[@]/#/--dev=}" "${test[@]/#/--test=}"
#
# Nothing comes into two roles: each list is one of a
# partition of its set, and this is checked.
set -euo pipefail

fail() {
  echo "local/prepare_listed_sets.sh: $1" >&2
  exit 2
}
commands=()
if [ "${1-}" = --allow-commands ]; then
  commands=(--allow-commands)
  shift
fi
[ $# -ge 2 ] || fail "usage: local/prepare_listed_sets.sh [--allow-commands] OUT SET..."
sets=()
for set in "${@:2}"; do
  [ -f "$set/wav.scp" ] || fail "$set: no wav.scp there; each SET must be a Kaldi data dir"
  sets+=("$(cd "$set" && pwd)")
done
mkdir -p "$1" && out=$(cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. recipes/env.sh
use_environment train

for set in "${sets[@]}"; do
  name=$(basename "$set")
  if [ ! -d "$set/lists" ]; then
    kws data combine "${commands[@]}" "$out/train/$name" "$set"
    continue
  fi
  lists=()
  for role in train dev test; do
    [ ! -s "$set/lists/$role.txt" ] || lists+=("$set/lists/$role.txt")
  done
  [ "${#lists[@]}" -gt 0 ] || fail "$set/lists: holds none of train.txt, dev.txt, test.txt"
  twice=$(sort "${lists[@]}" | uniq -d | sed -n 1p)
  [ -z "$twice" ] || fail "$set/lists: $twice stands in two lists; an utterance has one role"
  for list in "${lists[@]}"; do
    kws data subset "${commands[@]}" --utt-list "$list" "$set" "$out/$(basename "$list" .txt)/$name"
  done
done
