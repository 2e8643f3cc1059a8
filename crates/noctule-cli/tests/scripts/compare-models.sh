#!/bin/sh
# Time and memory of several models on one recording, as a person with whisper.cpp measures them:
# compare-models.sh FOLDER RECORDING NAME...
folder=$1
recording=$2
shift 2
echo "recording: $recording" > summary.log
for name in "$@"; do
    file="$folder/ggml-$name.bin"
    if [ ! -f "$file" ]; then
        echo "$name: no such model, left out"
        continue
    fi
    echo "== $name" >> summary.log
    whisper-cli -m "$file" -f "$recording" -t 2 -bs 1 > last.out 2>&1 || exit 1
    grep -iE "total memory|total time" last.out >> summary.log
done
