/** Problem: the answer to words about a time that are not understood, or that cannot be. Data, never thrown. */
export interface PhraseProblem {
  /** Why not, and what to say instead; for the person. */
  problem: string
}
