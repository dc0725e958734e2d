/** Counters: how often something happened since this process began, by name and labels, in Prometheus' text form. */
export interface Counters {
  add(name: string, labels: Record<string, string>): void
  lines(): string[]
}

export function createCounters(): Counters {
  const counts = new Map<string, number>()
  return {
    add(name, labels) {
      const key = series(name, labels)
      counts.set(key, (counts.get(key) ?? 0) + 1)
    },
    lines: () => [...counts].map(([key, count]) => `${key} ${count}`),
  }
}

/** `name{a="b"}`; exposition format 0.0.4: backslash, quote and line feed are escaped. */
export function series(name: string, labels: Record<string, string>): string {
  const escaped = (value: string) => value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")
  const inside = Object.entries(labels).map(([label, value]) => `${label}="${escaped(value)}"`)
  return inside.length === 0 ? name : `${name}{${inside.join(",")}}`
}
