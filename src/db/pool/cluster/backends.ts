// Which node a backend's process id belongs to. Servers number their processes alike, so the same id may live on two nodes
// at once: whoever cancels has to know.

import type { ServerNode } from './server-node.ts'

export class Backends {
  readonly #nodes = new Map<number, ServerNode[]>()

  add(processId: number, node: ServerNode): void {
    this.#nodes.set(processId, [...(this.#nodes.get(processId) ?? []), node])
  }

  remove(processId: number, node: ServerNode): void {
    const left = [...(this.#nodes.get(processId) ?? [])]
    const index = left.indexOf(node)
    if (index >= 0) left.splice(index, 1)
    if (left.length === 0) this.#nodes.delete(processId)
    else this.#nodes.set(processId, left)
  }

  /** The nodes with a connection of that process id: one, or none, or seldom several. */
  nodesOf(processId: number): readonly ServerNode[] {
    return [...new Set(this.#nodes.get(processId))]
  }
}
