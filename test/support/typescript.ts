// How a process of the tests runs a file of TypeScript, from whatever folder: node --import <this> file.ts

export const typescript: string = new URL('typescript.mjs', import.meta.url).href
