// The header by which the keeper of a service knows which of its processes has answered.

export const workerHeader = 'x-worker'
