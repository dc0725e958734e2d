/**
 * HTML: writes styled runs with the few tags that Telegram and every mail program know. All text is escaped, so nothing that
 * a model or a stranger wrote becomes markup.
 */
import type { Run, Style } from "./markdown.ts"

/** The HTML of `runs`. It is well-formed by itself: no run leaves a tag open. */
export function toHtml(runs: Run[]): string {
  return grouped(runs)
    .map(({ key, group }) => (key === "" ? group.map(spanHtml).join("") : blockHtml(group)))
    .join("")
}

/** Groups neighbouring runs of one quotation or one code block, because they share its tag. */
function grouped(runs: Run[]): { key: string; group: Run[] }[] {
  const groups: { key: string; group: Run[] }[] = []
  for (const run of runs) {
    const key = keyOf(run.style)
    const last = groups.at(-1)
    if (last?.key === key) last.group.push(run)
    else groups.push({ key, group: [run] })
  }
  return groups
}

function keyOf(style: Style): string {
  if (style.pre !== undefined) return `pre ${style.pre}`
  return style.quote ? "quote" : ""
}

function blockHtml(group: Run[]): string {
  const language = group[0]?.style.pre
  if (language === undefined) return `<blockquote>${group.map(spanHtml).join("")}</blockquote>`
  const text = group.map((run) => escaped(run.text)).join("")
  const name = language.replace(/[^\w+#.-]/g, "")
  return name === "" ? `<pre>${text}</pre>` : `<pre><code class="language-${name}">${text}</code></pre>`
}

/** Code gets no other style, because Telegram nests nothing in it. */
function spanHtml({ text, style }: Run): string {
  if (style.code) return `<code>${escaped(text)}</code>`
  let html = escaped(text)
  if (style.strike) html = `<s>${html}</s>`
  if (style.italic) html = `<i>${html}</i>`
  if (style.bold) html = `<b>${html}</b>`
  if (style.href === undefined || !isLinkable(style.href)) return html
  return `<a href="${escaped(style.href).replaceAll('"', "&quot;")}">${html}</a>`
}

/** Whether an address can be a link, and is short enough to leave room for words in a part. */
export const isLinkable = (href: string): boolean => /^(?:https?|tg|mailto):/i.test(href) && href.length <= 2048

export const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
