#!/bin/sh
# Makes the small encoded files of this folder. Left: 0.5 s of silence, 0.5 s of
# 1 kHz at half scale, 0.5 s of silence. Right: the same at a quarter of the scale.
set -eu
cd "$(dirname "$0")"
encode() {
    rate=$1
    shift
    ffmpeg -v error -y -f lavfi -i \
        "aevalsrc='0.5*between(t,0.5,0.99999)*sin(2*PI*1000*t)|0.125*between(t,0.5,0.99999)*sin(2*PI*1000*t)':s=$rate:d=1.5" \
        "$@"
}
encode 44100 -c:a libmp3lame -b:a 64k tone-44100-stereo.mp3
encode 22050 -ac 1 -c:a libmp3lame -q:a 6 -write_xing 0 tone-22050-mono-noxing.mp3
encode 48000 -c:a flac -compression_level 12 -sample_fmt s32 -bits_per_raw_sample 24 tone-48000-stereo-24bit.flac
encode 16000 -ac 1 -c:a flac -sample_fmt s16 tone-16000-mono.flac
encode 48000 -c:a libopus -b:a 24k tone-48000-stereo.opus
encode 48000 -ac 1 -c:a libopus -b:a 16k tone-48000-mono.webm
encode 16000 -ac 1 -c:a libvorbis -q:a 1 tone-16000-mono.ogg
encode 16000 -ac 1 -c:a aac -b:a 24k tone-16000-mono.m4a
encode 44100 -c:a aac -b:a 32k tone-44100-stereo.aac
encode 16000 -ac 1 -c:a alac tone-16000-mono.caf
encode 8000 -ac 1 -c:a pcm_mulaw -f aiff tone-8000-mono.aifc
encode 8000 -ac 1 -c:a adpcm_ima_wav tone-8000-mono-adpcm.wav
