#!/usr/bin/env bash
# SGD, natural gradient, AdamW and Muon on one network: loss against epochs and against seconds.
#
# Stages: 0 a synthetic corpus as recipes/run.sh makes it, 1 a training for each optimizer and
# learning rate (one that was interrupted goes on), 2 the picture and the table. The rate of each
# optimizer is chosen on dev.
set -euo pipefail

stage=0
stop_stage=2
corpus_scale=0.5
num_epochs=8
nj=1
seed=0
exp=exp/optimizers
picture=""
rates="sgd=0.03:0.1:0.3 natural-gradient=0.0002:0.0004:0.0008:0.0016:0.0032 \
adamw=0.0005:0.001:0.002:0.004 muon=0.001:0.002:0.004"

usage() {
  cat <<'USAGE'
recipes/optimizers/run.sh [--stage N] [--stop-stage N (2)] [--corpus-scale X (0.5)]
  [--num-epochs N (8)] [--nj N (1)] [--seed N] [--exp DIR] [--picture PNG (EXP/optimizers.png)]
  [--rates "OPTIMIZER=RATE:RATE... ..."]   learning rates at the beginning; at the end a 20th of them
USAGE
}

fail() {
  echo "recipes/optimizers/run.sh: $1" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
    --help | -h)
      usage
      exit 0
      ;;
    --stage | --stop-stage | --corpus-scale | --num-epochs | --nj | --seed | --exp | --picture | --rates)
      [ $# -ge 2 ] || fail "$1 needs a value; see --help"
      name=${1#--}
      printf -v "${name//-/_}" '%s' "$2"
      shift 2
      ;;
    *) fail "unknown option $1; see --help" ;;
  esac
done

mkdir -p "$exp" && exp=$(cd "$exp" && pwd)
[ -n "$picture" ] || picture=$exp/optimizers.png
picture=$(realpath "$picture")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. recipes/env.sh
use_environment train
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"

keywords="computer,jarvis,view glass"
runs() { [ "$stage" -le "$1" ] && [ "$1" -le "$stop_stage" ]; }

if runs 0; then
  recipes/run.sh --voices espeak --keywords "$keywords" --corpus-scale "$corpus_scale" --seed "$seed" --nj "$nj" \
    --stop-stage 2 --exp "$exp"
fi

if runs 1; then
  for of_optimizer in $rates; do
    optimizer=${of_optimizer%%=*}
    for rate in $(tr : ' ' <<<"${of_optimizer#*=}"); do
      echo "== $optimizer, learning rate $rate"
      kws train --data "$exp/data/train" --dev-data "$exp/data/dev" --ali "$exp/train.ctm" \
        --ali "$exp/dev.ctm" --cmvn-stats "$exp/feats/cmvn.stats" --features conf/fbank40.conf \
        --keywords "$keywords" --network recipes/optimizers/dnn.config \
        --config recipes/optimizers/train.conf --optimizer "$optimizer" \
        --initial-effective-lrate "$rate" \
        --final-effective-lrate "$(awk -v rate="$rate" 'BEGIN { print rate / 20 }')" \
        --num-epochs "$num_epochs" --seed "$seed" --nj "$nj" --exp "$exp/${optimizer}_$rate"
    done
  done
fi

if runs 2; then
  recipes/optimizers/picture.py "$exp" "$picture"
fi
