// Limits on the claims about a token's bearer, which are written with every frame of the bearer's
// broadcasts.

/** Maximum length of the claims `sub` and `labels`, in UTF-16 code units. */
export const IdentityLimits = {
  subjectCharactersMax: 256,
  labelNameCharactersMax: 64,
  labelCharactersMax: 256,
} as const;
