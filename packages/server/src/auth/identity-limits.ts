// How long what a token says of its bearer may be: it is written with every frame that the bearer broadcasts.

/** UTF-16 code units of the claims `sub` and `labels`. */
export const IdentityLimits = {
  subjectCharactersMax: 256,
  labelNameCharactersMax: 64,
  labelCharactersMax: 256,
} as const;
