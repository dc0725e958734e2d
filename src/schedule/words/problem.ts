/**
 * Problem: the result for words about a time that are not understood or name an impossible time. It is data and never
 * thrown.
 */
export interface PhraseProblem {
  /** Why the words do not work and what to say instead, for the person. */
  problem: string
}
