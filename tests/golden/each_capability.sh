#!/usr/bin/env bash
# The golden tests once more for each lesser set of instructions that this processor has: torch, MKL
# and oneDNN then add in other orders, as they do on other machines. A plain `pytest` uses the best
# set. Arguments go to pytest, whose environment must be on the PATH (tests/run.sh sees to that).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

best=$(python -c 'import torch; print(torch.backends.cpu.get_cpu_capability())')
case $best in
  AVX512) lesser="avx2 default" ;;
  AVX2) lesser="default" ;;
  *) lesser="" ;; # the only one, or a processor whose sets are not named so
esac
for capability in $lesser; do
  case $capability in
    avx2) mkl=AVX2 onednn=AVX2 ;;
    default) mkl=SSE4_2 onednn=SSE41 ;;
  esac
  echo "golden tests with ATEN_CPU_CAPABILITY=$capability instead of $best"
  ATEN_CPU_CAPABILITY=$capability MKL_ENABLE_INSTRUCTIONS=$mkl ONEDNN_MAX_CPU_ISA=$onednn \
    pytest -q tests/golden "$@"
done
