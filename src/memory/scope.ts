/** Scope: whose a memory is. These names are made here only. */

export function personScope(personId: string): string {
  return `person:${personId}`
}

/** @param repo `owner/name`, in any case: GitHub's names do not differ by it. */
export function repoScope(repo: string): string {
  return `repo:${repo.toLowerCase()}`
}
