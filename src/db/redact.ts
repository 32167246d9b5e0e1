// Keeps parameter values out of errors. The server quotes them in its messages ('invalid input syntax for type
// integer: "…"', 'Key (email)=(…) already exists'), and messages end up in logs.

const fields = ['message', 'detail', 'where', 'hint', 'internalQuery'] as const

/** Changes the error of a statement with parameters in place: each value that shows in it becomes its number. */
export function redactValues(error: unknown, values: readonly unknown[]): void {
  if (!(error instanceof Error) || values.length === 0) return
  const texts = values.flatMap((value, index) => textsOf(value).map((text) => ({ text, name: `$${index + 1}` })))
  // Longest first, so that a value which is part of another does not leave the rest of it behind.
  texts.sort((left, right) => right.text.length - left.text.length)
  const record = error as unknown as Record<string, unknown>
  for (const field of fields) {
    const shown = record[field]
    if (typeof shown === 'string') record[field] = texts.reduce((rest, item) => hide(rest, item.text, item.name), shown)
  }
  delete (error as { stack?: string }).stack
}

const shortest = 4

/** A short value is only hidden where it stands in quotes or brackets: 1 is part of too many words. */
function hide(shown: string, text: string, name: string): string {
  if (text.length >= shortest) return shown.replaceAll(text, name)
  return shown.replaceAll(`"${text}"`, `"${name}"`).replaceAll(`(${text})`, `(${name})`)
}

function textsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(textsOf)
  if (value instanceof Date) return [value.toISOString()]
  switch (typeof value) {
    case 'string':
      return value === '' ? [] : [value]
    case 'number':
    case 'bigint':
    case 'boolean':
      return [String(value)]
    case 'object':
      return value === null ? [] : [JSON.stringify(value), ...Object.values(value).flatMap(textsOf)]
    default:
      return []
  }
}
