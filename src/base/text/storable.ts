/** Text as Postgres can store it: without NUL and without halves of characters, both of which it refuses. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll("\u0000", "")
}
