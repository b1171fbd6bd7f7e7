// Loudness as frames carry it (payload.proto, Audio.level).

/** RFC 6464 section 3: -dBov of the samples' root mean square, 0 (loudest) to 127 (silence). */
export function audioLevel(samples: Float32Array): number {
  const db = levelDb(samples);
  return Number.isFinite(db) ? Math.min(127, Math.max(0, Math.round(-db))) : 127;
}

/** Root mean square in dB over full scale; -Infinity for digital silence or no samples. */
export function levelDb(samples: Float32Array): number {
  let squares = 0;
  for (const sample of samples) squares += sample * sample;
  return samples.length === 0 || squares === 0 ? Number.NEGATIVE_INFINITY : 10 * Math.log10(squares / samples.length);
}
