/**
 * Scope: the name of the person or the repository that a memory belongs to. Only this file makes scope names, because two
 * spellings of one scope would hide memories.
 */

/** The scope of a person. */
export function personScope(personId: string): string {
  return `person:${personId}`
}

/**
 * The scope of a repository.
 * @param repo `owner/name`; the letter case does not matter, as on GitHub
 */
export function repoScope(repo: string): string {
  return `repo:${repo.toLowerCase()}`
}
