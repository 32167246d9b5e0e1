// The rows of an answer.

/** The one row that a statement must give. */
export function onlyRow<Row>({ rows }: { readonly rows: readonly Row[] }): Row {
  const [row] = rows
  if (row === undefined) throw new RangeError('Expected one row, got none')
  return row
}
