// The entry of the keeper's process. Its only argument is the path of its socket.

import { Keeper } from './keeper.ts'

await new Keeper(process.argv[2] ?? '').open()
