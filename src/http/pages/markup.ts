/** Markup: an answer's Markdown as HTML. Raw HTML in it is text, and a link leads only to http, https or mail. */
import { html } from "ghtml"
import { type Run, readMarkdown, type Style } from "../../channels/markdown.ts"

/** For an element that keeps white space. */
export function markup(text: string): string {
  return readMarkdown(text).map(inline).join("")
}

const TAGS = [
  ["bold", "strong"],
  ["italic", "em"],
  ["strike", "s"],
  ["quote", "q"],
] as const satisfies readonly (readonly [keyof Style, string])[]

function inline({ text, style }: Run): string {
  const isCode = style.code === true || style.pre !== undefined
  let out = isCode ? html`<code>${text}</code>` : html`${text}`
  for (const [trait, tag] of TAGS) if (style[trait]) out = `<${tag}>${out}</${tag}>`
  const address = style.href === undefined ? null : safeUrl(style.href)
  return address === null
    ? out
    : html`<a href="${address}" rel="noopener noreferrer nofollow" target="_blank">!${out}</a>`
}

/** The address when it can do no harm, else null. */
export function safeUrl(href: string): string | null {
  if (!URL.canParse(href)) return null
  return ["http:", "https:", "mailto:"].includes(new URL(href).protocol) ? href : null
}
