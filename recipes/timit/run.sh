#!/usr/bin/env bash
# Phone recognition: GMM monophones, then hybrid networks (a DNN and a convnet) on their alignment.
#
# With --timit: TIMIT (LDC93S1), or a part of it such as NLTK's sample. With --data: data dirs
# train, dev and (if there is one) test, whose text holds phones, in a folder. With neither:
# synthesises a small corpus with phone times.
#
# Stages: 0 data, 1 features, 2 monophones, graph and alignment, 3 DNN, 4 convnet, 5 decoding,
# 6 scores. Each can be run again alone. The weight of the language model is chosen on dev; test is
# decoded with that one. Another --seed or --alignment gets folders of its own.
set -euo pipefail

stage=0
stop_stage=6
timit="" data=""
exp=exp/timit
alignment=gmm
realign=0
totgauss=1000
lm_order=2
lm_weights=1:2:3:4:5:6:7:8:9:10:11:12
network_scale=0.25 # of a network's log-likelihoods in the search: near the best, the search is quick
dnn=conf/timit/dnn_small.config
convnet=conf/timit/convnet_small.config
dnn_config=conf/timit/train_dnn.conf
convnet_config=conf/timit/train_convnet.conf
versus=""
speakers=24
utterances=8
seed=0
nj=2
device=cpu
commands=() # --allow-commands, for every program that reads audio

usage() {
  cat <<'USAGE'
recipes/timit/run.sh [--stage N] [--stop-stage N (6)] [--exp DIR (exp/timit)]
  [--timit DIR | --data DIR]             the corpus, or a folder of data dirs (default: synthesised)
  [--alignment gmm|hand]                 targets of the networks: forced alignment, or hand labels
  [--realign 0|1]                        1: each network aligns anew and is trained again on that
  [--totgauss N (1000)] [--lm-order N (2)] [--lm-weights A:B:...]
  [--dnn CONFIG] [--convnet CONFIG|DIR] [--dnn-config CONF] [--convnet-config CONF]
  [--versus TEXT]                        another recogniser's transcripts of dev, to compare with
  [--speakers N (24)] [--utterances N (8)]   of the synthesised corpus
  [--seed N] [--nj N] [--device cpu|cuda]
  [--allow-commands]                     run the commands (ending in |) that wav.scp holds
USAGE
}

fail() {
  echo "recipes/timit/run.sh: $1" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
    --help | -h)
      usage
      exit 0
      ;;
    --allow-commands)
      commands=(--allow-commands)
      shift
      ;;
    --stage | --stop-stage | --exp | --timit | --data | --alignment | --realign | --totgauss | \
      --lm-order | --lm-weights | --dnn | --convnet | --dnn-config | --convnet-config | --versus | \
      --speakers | --utterances | --seed | --nj | --device)
      [ $# -ge 2 ] || fail "$1 needs a value; see --help"
      name=${1#--}
      printf -v "${name//-/_}" '%s' "$2"
      shift 2
      ;;
    *) fail "unknown option $1; see --help" ;;
  esac
done

for number in stage stop_stage realign totgauss lm_order speakers utterances seed nj; do
  [[ ${!number} =~ ^[0-9]+$ ]] || fail "--${number//_/-} ${!number}: must be a whole number"
done
for number in totgauss lm_order speakers utterances nj; do
  [ "${!number}" -gt 0 ] || fail "--${number//_/-} ${!number}: must be greater than 0"
done
case $alignment in
  gmm | hand) ;;
  *) fail "--alignment $alignment: must be gmm or hand" ;;
esac
[ "$realign" -le 1 ] || fail "--realign $realign: must be 0 or 1"
case $device in
  cpu | cuda) ;;
  *) fail "--device $device: must be cpu or cuda" ;;
esac
[ -z "$timit" ] || [ -z "$data" ] || fail "--timit and --data: give one of them"
for folder in "$timit" "$data"; do
  [ -z "$folder" ] || [ -d "$folder" ] || fail "$folder: no such folder"
done
[ -z "$versus" ] || [ -f "$versus" ] || fail "--versus $versus: no such file"
[ ! -e "$exp" ] || [ -d "$exp" ] || fail "--exp $exp: is a file; name a folder"

# the environment needs the checkout; what is named may be relative to where the user stands
for path in timit data versus; do
  [ -z "${!path}" ] || printf -v "$path" '%s' "$(realpath "${!path}")"
done
mkdir -p "$exp" && exp=$(cd "$exp" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
for file in "$dnn" "$convnet" "$dnn_config" "$convnet_config"; do
  [ -e "$file" ] || fail "$file: no such file (relative to $(pwd))"
done
. recipes/env.sh
use_environment hmm
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"

map=conf/phones_60_48_39.map
prepared=$data
[ -n "$data" ] || data=$exp/data
base=$exp/$alignment
mono=$base/mono
last_dnn=dnn.$seed last_convnet=convnet.$seed
if [ "$realign" -eq 1 ]; then
  last_dnn+=.realigned last_convnet+=.realigned
fi

runs() { [ "$stage" -le "$1" ] && [ "$1" -le "$stop_stage" ]; }

sets() { # those that the corpus has
  local set
  for set in train dev test; do
    [ ! -d "$data/$set" ] || echo "$set"
  done
}

likelihoods() { # NAME FEATURES SET: of a network, to NAME/SET.ark
  kws posteriors --divide-by-priors --apply-log "$base/$1/final.kws" "scp:$exp/$2/$3/feats.scp" \
    "ark:$base/$1/$3.ark"
}

train_on() { # ALIGNER NAME FEATURES NETWORK CONFIG: a network on the alignment in ALIGNER
  kws train-am --feats "$exp/$3/train" --ali "ark:$base/$1/ali.train.ark" \
    --dev-feats "$exp/$3/dev" --dev-ali "ark:$base/$1/ali.dev.ark" \
    --transition-model "$mono/final.mdl" --network "$4" --config "$5" \
    --seed "$seed" --device "$device" --exp "$base/$2"
}

train_network() { # NAME FEATURES NETWORK CONFIG
  local set
  train_on mono "$1" "$2" "$3" "$4"
  [ "$realign" -eq 1 ] || return 0
  for set in train dev; do
    likelihoods "$1" "$2" "$set"
    kws align --gmm "$mono/final.mdl" --log-likelihoods "ark:$base/$1/$set.ark" "$data/$set" \
      "$base/$1/ali.$set.ctm" --write-ali "ark:$base/$1/ali.$set.ark"
    rm "$base/$1/$set.ark"
  done
  train_on "$1" "$1.realigned" "$2" "$3" "$4"
}

decode() { # NAME FEATURES: dev with all weights, test with the one that is best there
  local set weights=$lm_weights source from=()
  for set in dev test; do
    [ -d "$data/$set" ] || continue
    if [ "$1" = mono ]; then
      from=(--gmm "$mono/final.mdl") source=$exp/$2/$set
    else
      likelihoods "$1" "$2" "$set"
      from=(--acoustic-scale "$network_scale" --lattice-beam 8) source=ark:$base/$1/$set.ark
    fi
    rm -rf "$base/$1/decode_$set" # weights of an earlier run would be chosen from too
    kws decode "${from[@]}" --lm-weights "$weights" "$mono/graph" "$source" "$base/$1/decode_$set"
    if [ "$set" = dev ]; then
      python local/choose_lm_weight.py "$data/dev" "$base/$1/decode_dev" --map "$map"
      weights=$(cat "$base/$1/decode_dev/lm_weight")
    fi
  done
}

result() { # NAME SET: what was recognised
  echo "$base/$1/decode_$2/lm$(cat "$base/$1/decode_dev/lm_weight")/ctm"
}

if runs 0; then
  echo "== stage 0: data"
  if [ -n "$timit" ]; then
    python local/prepare_timit.py "$timit" "$data"
  elif [ -z "$prepared" ]; then
    python local/synthesize_phones.py "$data" --speakers "$speakers" --utterances "$utterances" \
      --nj "$nj"
  fi
  for set in train dev; do
    [ -d "$data/$set" ] || fail "$data: has no $set; a recogniser is trained on train, chosen on dev"
  done
  for set in $(sets); do kws data validate "${commands[@]}" "$data/$set"; done
fi

if runs 1; then
  echo "== stage 1: features"
  for set in $(sets); do
    for kind in mfcc13 fbank40 fbank40_deltas; do
      conf=conf/${kind/40/40_speaker}.conf
      [ "$kind" != mfcc13 ] || conf=conf/mfcc13_speaker.conf
      kws features "${commands[@]}" --config "$conf" "$data/$set" "$exp/$kind/$set"
    done
  done
fi

if runs 2; then
  echo "== stage 2: monophones, graph and alignment"
  by=() times=()
  if [ "$alignment" = hand ]; then by=(--times) times=(--times keep); fi
  kws train-gmm --totgauss "$totgauss" "${times[@]}" "$data/train" "$exp/mfcc13/train" "$mono"
  kws make-graph --data "$data/train" --order "$lm_order" --perplexity "$data/dev" \
    "$mono/final.mdl" "$mono/graph"
  for set in train dev; do
    kws align --gmm "$mono/final.mdl" --feats "$exp/mfcc13/$set" "${by[@]}" "$data/$set" \
      "$mono/ali.$set.ctm" --write-ali "ark:$mono/ali.$set.ark"
  done
fi

if runs 3; then
  echo "== stage 3: DNN"
  train_network "dnn.$seed" fbank40 "$dnn" "$dnn_config"
fi

if runs 4; then
  echo "== stage 4: convnet"
  train_network "convnet.$seed" fbank40_deltas "$convnet" "$convnet_config"
fi

if runs 5; then
  echo "== stage 5: decoding"
  decode mono mfcc13
  decode "$last_dnn" fbank40
  decode "$last_convnet" fbank40_deltas
fi

if runs 6; then
  echo "== stage 6: scores"
  for set in dev test; do
    [ -d "$data/$set" ] || continue
    before=""
    for name in mono "$last_dnn" "$last_convnet"; do
      echo "-- $name, $set"
      pair=()
      [ -z "$before" ] || pair=(--versus "$before")
      kws score "$data/$set" "$(result "$name" "$set")" --map "$map" --weights levenshtein \
        "${pair[@]}" --out "$base/$name/score_$set"
      before=$(result "$name" "$set")
    done
  done
  if [ -n "$versus" ]; then
    for name in mono "$last_dnn" "$last_convnet"; do
      echo "-- $name and $versus, dev"
      kws score "$data/dev" "$(result "$name" dev)" --map "$map" --weights levenshtein \
        --confusions 0 --versus "$versus"
    done
  fi
fi
