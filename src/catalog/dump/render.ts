// Objects as text. renderSchema is for reading and comparing: parts stand below their table. renderScript is for
// running from top to bottom.

import { compareObjects, groupBy, type SchemaObject } from './object.ts'
import { orderForCreation } from './order.ts'

/** Canonical: equal texts mean equal schemas. By kind and name, and what is part of a table below it. */
export function renderSchema(objects: readonly SchemaObject[]): string {
  const identities = new Set(objects.map((object) => object.identity))
  const isPart = (object: SchemaObject): boolean => object.parent !== undefined && identities.has(object.parent)
  const parts = groupBy(objects.filter(isPart), (object) => object.parent)
  const grouped = objects
    .filter((object) => !isPart(object))
    .toSorted(compareObjects)
    .flatMap((object) => [object, ...(parts.get(object.identity) ?? []).toSorted(compareObjects)])
  return renderAll(grouped)
}

/** The statements in an order in which they can be run on an empty database; see `scriptSettings`. */
export function renderScript(objects: readonly SchemaObject[]): string {
  return renderAll(orderForCreation(objects))
}

function renderAll(objects: readonly SchemaObject[]): string {
  return objects.map((object) => `-- ${object.identity.replaceAll('\n', ' ')}\n${object.sql}\n`).join('\n')
}
