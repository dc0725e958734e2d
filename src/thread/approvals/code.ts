/**
 * Code: the two signs by which a person names an approval, as in `K7`. They look and sound apart, and a letter beside a
 * digit is no word in any language.
 */
import { Limit } from "../../base/errors.ts"

/** Without I, L, O, S, Z, 0, 1, 2 and 5. */
const LETTERS = "ABCDEFGHJKMNPQRTUVWXY"
const DIGITS = "346789"
/** Both: for longer codes that people read from one screen and type on another. */
export const CLEAR_SIGNS = LETTERS + DIGITS

const CODE = new RegExp(`^(?:[${LETTERS}][${DIGITS}]|[${DIGITS}][${LETTERS}])$`)
const ALL_CODES = [...pairs(LETTERS, DIGITS), ...pairs(DIGITS, LETTERS)]

/** Whether `word`, in upper case, can be the code of an approval. */
export const isCode = (word: string): boolean => CODE.test(word)

/**
 * A code that is not in `taken`: letter before digit (`K7`) while there is one. `random` gives a number in [0, 1).
 * Throws `Limit` when all 252 are taken.
 */
export function newCode(random: () => number, taken: ReadonlySet<string>): string {
  const free = ALL_CODES.filter((code) => !taken.has(code))
  const usual = free.filter((code) => LETTERS.includes(code.charAt(0)))
  const choice = usual.length > 0 ? usual : free
  const code = choice[Math.floor(random() * choice.length)]
  if (code === undefined)
    throw new Limit("approvals", "too many approvals are open", { fix: "Answer some of them first." })
  return code
}

function pairs(first: string, second: string): string[] {
  return [...first].flatMap((a) => [...second].map((b) => `${a}${b}`))
}
