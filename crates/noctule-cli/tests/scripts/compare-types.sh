#!/bin/sh
# Quantises a model to several types and transcribes with each, as a person with whisper.cpp does it:
# compare-types.sh MODEL RECORDING TYPE...
model=$1
recording=$2
shift 2
mkdir -p smaller
for kind in "$@"; do
    out="smaller/model-$kind.bin"
    if ! quantize "$model" "$out" "$kind" > "$kind.log" 2>&1; then
        echo "$kind: quantize failed"
        continue
    fi
    whisper-cli -m "$out" -f "$recording" -bs 1 -nf -np -otxt -of "text-$kind" > /dev/null
    size=$(wc -c < "$out")
    total=$(whisper-cli -m "$out" -f "$recording" -bs 1 -nf 2>&1 | sed -n 's/.*total time = *\([0-9.]*\) ms/\1/p')
    echo "$kind: $size bytes, $total ms"
done
