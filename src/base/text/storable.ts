/** Storable text: without NUL and without unpaired surrogates (half characters), because Postgres refuses both. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll("\u0000", "")
}
