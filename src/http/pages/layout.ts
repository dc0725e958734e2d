/** Layout: the frame of every page. Only fragments made by our own functions go in unescaped. */
import { html } from "ghtml"
import type { Assets } from "./assets.ts"

export interface PageLayout {
  title: string
  assets: Assets
  /** A fragment of ours. */
  body: string
  /** Whether the owner is signed in. */
  isOwner: boolean
}

export function layout({ title, assets, body, isOwner }: PageLayout): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="htmx-config" content='{"includeIndicatorCSS":false}'>
<title>${title}</title>
<link rel="icon" href="${assets.icon}">
<link rel="stylesheet" href="${assets.style}">
<script src="${assets.script}" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header class="top">
<a class="brand" href="/">Vigil</a>
!${isOwner ? navigation() : ""}
</header>
<main id="main">!${body}</main>
</body>
</html>`
}

function navigation(): string {
  return html`<nav aria-label="Pages"><a href="/">Chat</a> <a href="/runs">Runs</a></nav>
<form method="post" action="/signout"><button class="quiet">Sign out</button></form>`
}
