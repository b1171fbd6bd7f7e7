#!/bin/sh
# Makes packages/server/demo/hello.ogg, the demo broadcaster's voice, from hello.txt in the same
# folder. In: Hayate's own text. Out: Ogg/Opus, 48 kHz mono, 20 ms packets. Needs Debian's
# espeak-ng, sox and opus-tools.
set -eu
cd "$(dirname "$0")/../packages/server/demo"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A lighter female variant, a little slower and higher than the default, with a short pause between
# words.
espeak-ng -v en-us+f3 -s 148 -p 58 -g 2 -a 120 -f hello.txt -w "$work/raw.wav"

# Warm the voice: cut rumble and hiss, tame the synthetic presence peak, even the loudness, add a
# small room.
sox "$work/raw.wav" -r 48000 -b 16 "$work/voice.wav" \
  gain -12 highpass 90 equalizer 220 1.2q +3 equalizer 3200 1.0q -4 lowpass -1 7800 \
  compand 0.01,0.15 6:-60,-40,-24,-14,-6,-5 0 -60 0.05 \
  reverb 12 60 25 100 4 0 pad 0.4 0.8 gain -n -3

opusenc --quiet --bitrate 40 --vbr --speech --framesize 20 --serial 1 --discard-comments --discard-pictures \
  --title 'Hello from Hayate' "$work/voice.wav" hello.ogg
ls -l hello.ogg
