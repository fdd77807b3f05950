#!/usr/bin/env bash
# Wake word, from recordings to keyword events.
#
# With no option: synthesises a corpus of the default keywords, trains a detector on it, tells how
# often it fails on voices it has not heard, and runs it over one long recording.
# With recordings: --train/--dev/--test name Kaldi data dirs, one each time they are given;
# utterances whose text holds no keyword are negatives. Nothing may be in two of the three.
#
# Stages: 0 data, 1 statistics of the features, 2 alignment, 3 training, 4 evaluation,
# 5 detection on a long recording made of test utterances, 6 export to one file that needs no
# PyTorch, verified against the model. Each can be run again alone.
set -euo pipefail

stage=0
stop_stage=6
keywords="computer,jarvis,view glass"
train=() dev=() test=() noise=() test_noise=() rir=() # folders
network="" init_from="" freeze=0
features=conf/fbank40.conf
objective=max-pool
train_config=""
units_per_word=3
num_epochs=""
exp=exp/default
fa_per_hour=1
nj=2
seed=0
device=cpu
corpus_scale=1
commands=() # --allow-commands, for every program that reads a data dir
channel=""
voices=auto
negatives=() dev_negatives=()

usage() {
  cat <<'USAGE'
recipes/run.sh [--stage N] [--stop-stage N (6)] [--keywords "computer,jarvis,view glass"]
  [--train DIR]... [--dev DIR]... [--test DIR]...   Kaldi data dirs (default: synthesised)
  [--noise DIR]... [--rir DIR]...        mixed into the training audio
  [--test-noise DIR]...                  counts on test a second time in this noise at 10 dB
  [--network conf/X.config|conf/X] [--features conf/X.conf] [--objective ce|max-pool]
  [--train-config conf/X.conf] [--num-epochs N] [--units-per-word N (3)] [--seed N]
  [--device cpu|cuda] [--init-from MODEL] [--freeze N]   start from a trained model's network
  [--exp DIR] [--fa-per-hour X] [--nj N] [--corpus-scale X]
  [--allow-commands]                     run the commands (ending in |) that wav.scp holds
  [--voices auto|kokoro|espeak]          who says the keywords where there are no recordings
  [--negatives DIR]... [--dev-negatives DIR]...   real speech without them, beside the synthesised
  [--channel N|mean]                     the channel to hear of recordings that have several
USAGE
}

fail() {
  echo "recipes/run.sh: $1" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  [[ $1 != --*=* ]] || set -- "${1%%=*}" "${1#*=}" "${@:2}" # --option=value
  case $1 in
    --help | -h)
      usage
      exit 0
      ;;
    --allow-commands)
      commands=(--allow-commands)
      shift
      ;;
    --train | --dev | --test | --noise | --test-noise | --rir | --negatives | --dev-negatives)
      [ $# -ge 2 ] || fail "$1 needs a value; see --help"
      # the environment needs the checkout; data dirs may be relative to where the user stands
      [ -d "$2" ] || fail "$1 $2: no such folder; several folders are given each with its own $1"
      name=${1#--}
      declare -n list=${name//-/_}
      list+=("$(cd "$2" && pwd)")
      shift 2
      ;;
    --stage | --stop-stage | --keywords | --network | --features | --objective | --train-config | \
      --units-per-word | --num-epochs | --exp | --fa-per-hour | --nj | --seed | --device | \
      --corpus-scale | --init-from | --freeze | --channel | \
      --voices)
      [ $# -ge 2 ] || fail "$1 needs a value; see --help"
      name=${1#--}
      printf -v "${name//-/_}" '%s' "$2"
      shift 2
      ;;
    *) fail "unknown option $1; see --help" ;;
  esac
done

for number in stage stop_stage nj seed freeze units_per_word ${num_epochs:+num_epochs}; do
  [[ ${!number} =~ ^[0-9]+$ ]] || fail "--${number//_/-} ${!number}: must be a whole number"
done
for number in nj units_per_word; do
  [ "${!number}" -gt 0 ] || fail "--${number//_/-} ${!number}: must be greater than 0"
done
for number in fa_per_hour corpus_scale; do
  [[ ${!number} =~ ^[0-9]*\.?[0-9]+$ && ${!number} =~ [1-9] ]] ||
    fail "--${number//_/-} ${!number}: must be a number greater than 0"
done
[[ $channel =~ ^([0-9]+|mean)?$ ]] || fail "--channel $channel: must be a number from 0, or mean"
reading=("${commands[@]}" ${channel:+--channel "$channel"}) # for every program that reads audio
case $voices in
  auto | kokoro | espeak) ;;
  *) fail "--voices $voices: must be auto, kokoro or espeak" ;;
esac
case $device in
  cpu | cuda) ;;
  *) fail "--device $device: must be cpu or cuda" ;;
esac
case $objective in
  ce | max-pool) ;;
  *) fail "--objective $objective: must be ce or max-pool" ;;
esac
given=0
for number in ${#train[@]} ${#dev[@]} ${#test[@]}; do
  [ "$number" -eq 0 ] || given=$((given + 1))
done
[ "$given" -eq 0 ] || [ "$given" -eq 3 ] ||
  fail "--train, --dev and --test belong together: give all three (kws data subset cuts a data dir)"
[ "$given" -eq 0 ] || [ $((${#negatives[@]} + ${#dev_negatives[@]})) -eq 0 ] ||
  fail "--negatives are for synthesised keywords; with recordings name them with --train and --dev"

twice=$(printf '%s\n' "${train[@]}" "${dev[@]}" "${test[@]}" | sort | uniq -d | sed -n 1p)
[ -z "$twice" ] || fail "$twice: is given twice; nothing may be in two of --train, --dev and --test"
[ -n "$init_from" ] || [ "$freeze" -eq 0 ] || fail "--freeze $freeze: needs --init-from MODEL"
[ -z "$init_from" ] || [ -f "$init_from" ] || fail "--init-from $init_from: no such file"
[ -z "$init_from" ] || init_from=$(realpath "$init_from")
[ -n "$network$init_from" ] || network=conf/tdnn.config
[ ! -e "$exp" ] || [ -d "$exp" ] || fail "--exp $exp: is a file; name a folder"
mkdir -p "$exp" && exp=$(cd "$exp" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."
for file in ${network:+"$network"} "$features" ${train_config:+"$train_config"}; do
  [ -e "$file" ] || fail "$file: no such file (relative to $(pwd))"
done
. recipes/env.sh
use_environment train
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"

corpus=$exp/corpus
if [ "$given" -eq 0 ]; then
  train=("$corpus/train" "${negatives[@]}") dev=("$corpus/dev" "${dev_negatives[@]}")
  test=("$corpus/test")
  [ ${#noise[@]} -gt 0 ] || noise=("$corpus/noise_train")
  [ ${#rir[@]} -gt 0 ] || rir=("$corpus/rir_train")
fi
data=$exp/data

runs() { [ "$stage" -le "$1" ] && [ "$1" -le "$stop_stage" ]; }

combined() { # SET DIR...: one data dir of several, checked
  local check=("${reading[@]}" --keywords "$keywords")
  # thresholds are solved on what holds no keyword, and a new model learns from it
  if [ "$1" = dev ] || [[ $1 = train && -z $init_from ]]; then check+=(--need-negatives); fi
  kws data combine "${commands[@]}" "$data/$1" "${@:2}"
  kws data validate "${check[@]}" "$data/$1"
}

if runs 0; then
  echo "== stage 0: data"
  if [ "$given" -eq 0 ]; then
    if [ "$voices" = auto ] && ! kws voices >/dev/null; then
      # once; without the network espeak-ng speaks, and what that means is told
      kws voices --fetch >/dev/null || true
    fi
    python local/synthesize_corpus.py "$corpus" --keywords "$keywords" --scale "$corpus_scale" \
      --seed "$seed" --nj "$nj" --voices "$voices"
  fi
  combined train "${train[@]}"
  combined dev "${dev[@]}"
  combined test "${test[@]}"
fi

if [ -z "$train_config" ]; then
  train_config=conf/train_${objective/-/_}.conf
  # the voices of espeak-ng differ so much that they are changed less
  if [ "$given" -eq 0 ] && [ "$objective" = max-pool ] &&
    ! grep -q '"natural": {' "$corpus/train/synthesis.json" 2>/dev/null; then
    train_config=conf/train_synthetic.conf
  fi
fi

if runs 1; then
  echo "== stage 1: statistics of the features"
  kws features "${reading[@]}" --config "$features" --stats-only "$data/train" "$exp/feats"
fi

if runs 2; then
  echo "== stage 2: alignment"
  for set in train dev; do
    kws align "${reading[@]}" --keywords "$keywords" --units-per-word "$units_per_word" \
      "$data/$set" "$exp/$set.ctm"
  done
fi

if runs 3; then
  echo "== stage 3: training"
  epochs=()
  [ -z "$num_epochs" ] || epochs=(--num-epochs "$num_epochs")
  begin=(--cmvn-stats "$exp/feats/cmvn.stats") # a model brings its own
  [ -z "$init_from" ] || begin=(--init-from "$init_from" --freeze "$freeze")
  [ -z "$network" ] || begin+=(--network "$network")
  kws train --data "$data/train" --ali "$exp/train.ctm" --ali "$exp/dev.ctm" \
    --dev-data "$data/dev" "${begin[@]}" --features "$features" --keywords "$keywords" \
    --units-per-word "$units_per_word" --objective "$objective" --config "$train_config" \
    "${epochs[@]}" "${noise[@]/#/--noise=}" "${rir[@]/#/--rir=}" --seed "$seed" --nj "$nj" \
    --device "$device" --exp "$exp" "${reading[@]}"
fi

if runs 4; then
  echo "== stage 4: evaluation"
  in_noise=("${test_noise[@]/#/--noise=}")
  [ ${#in_noise[@]} -eq 0 ] || in_noise+=(--snr-db 10 --seed "$seed")
  kws evaluate --model "$exp/final.kws" --dev "$data/dev" --test "$data/test" \
    "${in_noise[@]}" --fa-per-hour "$fa_per_hour" --out "$exp/eval" "${reading[@]}"
fi

if runs 5; then
  echo "== stage 5: detection on a long recording"
  kws data join "${reading[@]}" "$data/test" "$exp/long" --seed "$seed" --max-duration 600
  recording=$(cut -d ' ' -f 2- "$exp/long/wav.scp")
  kws detect "$exp/final.kws" "$exp/long/$recording" >"$exp/long/events.jsonl"
  echo "$(wc -l <"$exp/long/events.jsonl") events in $exp/long/events.jsonl; counted against the words:"
  kws evaluate --model "$exp/final.kws" --test "$exp/long" --out "$exp/eval_long"
fi

if runs 6; then
  echo "== stage 6: export and verify"
  kws export "$exp/final.kws" "$exp/final.onnx"
  recordings=("$exp/long/$(cut -d ' ' -f 2- "$exp/long/wav.scp")")
  # with segments they are recordings of any length, and the joined one has one channel
  if [ ! -e "$data/test/segments" ] && [ -z "$channel" ]; then
    mapfile -t files < <(cut -d ' ' -f 2- "$data/test/wav.scp" | while IFS= read -r entry; do
      [ ! -f "$entry" ] || echo "$entry" # no command, and nothing in an archive
    done)
    for i in "${!files[@]}"; do # five of them, evenly
      [ $(((i + 1) * 5 / ${#files[@]})) -eq $((i * 5 / ${#files[@]})) ] ||
        recordings+=("${files[i]}")
    done
  fi
  kws verify "$exp/final.kws" "$exp/final.onnx" "${recordings[@]}"
fi
