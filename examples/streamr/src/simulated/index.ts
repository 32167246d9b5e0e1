// Nodes that can lie, lag and die: what the prober is tested against, and what `npm start` runs for life on the page.

export { parseBehaviour, usualBehaviour, type Behaviour } from './behaviour.ts'
export { SimulatedNode, type Reply } from './node.ts'
export { openSimulatedNodes, type SimulatedNodes, type SimulatedNodesOptions } from './server.ts'
