/** The console's own script: Enter sends, a sent message leaves the box, and the newest words stay in sight. */
const log = document.getElementById("log")
const form = document.getElementById("say")

const toEnd = () => {
  if (log) log.scrollTop = log.scrollHeight
}

if (log) {
  toEnd()
  new MutationObserver(toEnd).observe(log, { childList: true, subtree: true, characterData: true })
}

if (form instanceof HTMLFormElement) {
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return
    event.preventDefault()
    form.requestSubmit()
  })
  form.addEventListener("htmx:after:request", (event) => {
    if (event.detail?.ctx?.response?.status === 200) form.reset()
  })
}
