/**
 * Answer: what the embedded database says to a statement, byte by byte as the wire protocol has it
 * (https://www.postgresql.org/docs/current/protocol-message-formats.html). Rows are read here, as PGlite's own reader takes
 * ten times as long for them; all else, which is rare, is left to that.
 */
import { protocol, type types } from "@electric-sql/pglite"

/** How a column is named, and read from its text. */
export interface RowColumn {
  name: string
  read: (text: string) => unknown
}

const [DATA_ROW, ERROR, NOTIFICATION] = ["D", "E", "A"].map((kind) => kind.charCodeAt(0))
/** Of a message: its kind, and how long the rest is. */
const HEAD = 5

/** The rows in it. Throws what the database refused; `hear` gets what it tells beside the answer. */
export function rowsOf(
  answer: Buffer,
  columns: readonly RowColumn[],
  hear: (channel: string, payload: string) => void,
): Record<string, unknown>[] {
  const rows: Record<string, unknown>[] = []
  let isPlain = true
  for (let at = 0; at < answer.length; at += 1 + answer.readInt32BE(at + 1)) {
    const kind = answer[at]
    if (kind === DATA_ROW) rows.push(rowAt(answer, at + HEAD, columns))
    else if (kind === ERROR || kind === NOTIFICATION) isPlain = false
  }
  if (!isPlain) settle(answer, hear)
  return rows
}

/** Of a description of a statement. */
export function columnsOf(answer: Buffer, parsers: Record<number | string, types.Parser>): RowColumn[] {
  const columns: RowColumn[] = []
  new protocol.Parser().parse(answer, (message) => {
    if (!(message instanceof protocol.messages.RowDescriptionMessage)) return
    for (const { name, dataTypeID } of message.fields) {
      const parser = parsers[dataTypeID]
      columns.push({ name, read: parser ? (text) => parser(text, dataTypeID) : (text) => text })
    }
  })
  return columns
}

/** After a count of values, each is its length (-1: there is none) and its text. */
function rowAt(answer: Buffer, start: number, columns: readonly RowColumn[]): Record<string, unknown> {
  const row: Record<string, unknown> = {}
  let at = start + 2
  for (const { name, read } of columns) {
    const length = answer.readInt32BE(at)
    at += 4
    row[name] = length < 0 ? null : read(answer.toString("utf8", at, at + length))
    if (length > 0) at += length
  }
  return row
}

function settle(answer: Buffer, hear: (channel: string, payload: string) => void): void {
  let refused: Error | null = null
  new protocol.Parser().parse(answer, (message) => {
    if (message instanceof protocol.messages.DatabaseError) refused ??= message
    else if (message instanceof protocol.messages.NotificationResponseMessage) hear(message.channel, message.payload)
  })
  if (refused) throw refused
}
