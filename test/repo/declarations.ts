// The public surface as text: for each entry its exports with their declarations, as the built .d.ts files have them,
// without comments; then what those declarations lean on without it being exported.

import { writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type Node, SyntaxKind } from 'typescript/unstable/ast'
import { isIdentifier } from 'typescript/unstable/ast/is'
import { API, type Checker, type Project, type Symbol as TsSymbol, SymbolFlags } from 'typescript/unstable/sync'
import { temporaryFolder } from '../support/temporary-folder.ts'

export interface Entry {
  /** 'pgstrata/migrate' */
  readonly name: string
  /** The entry's .d.ts, absolute. */
  readonly types: string
}

export interface SurfaceOptions {
  /** Declarations outside it (other packages, the language) are only named, never shown. */
  readonly folder: string
  readonly typeRoots: readonly string[]
}

/** One block of text for each entry. */
export async function describeSurface(entries: readonly Entry[], options: SurfaceOptions): Promise<string> {
  const config = join(await temporaryFolder(), 'tsconfig.json')
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2023',
    strict: true,
    skipLibCheck: true,
    types: ['node'],
    typeRoots: options.typeRoots,
  }
  await writeFile(config, JSON.stringify({ compilerOptions, files: entries.map(({ types }) => types) }))
  const api = new API()
  try {
    const project = api.updateSnapshot({ openProjects: [config] }).getProjects()[0]
    if (project === undefined) throw new Error('The declarations make no project')
    return entries.map((entry) => describeEntry(project, entry, options.folder)).join('\n')
  } finally {
    api.close()
  }
}

function describeEntry(project: Project, { name, types }: Entry, folder: string): string {
  const { program, checker } = project
  const file = program.getSourceFile(types)
  const module = file === undefined ? undefined : checker.getSymbolAtLocation(file)
  if (module === undefined) throw new Error(`${types} is no module: is dist built?`)
  const exported = checker
    .getExportsOfModule(module)
    .map((symbol) => ({ name: symbol.name, symbol: follow(checker, symbol) }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const shown = new Set(exported.map(({ symbol }) => symbol.id))
  const blocks = exported.map(
    (item) => `${item.name}: ${kindOf(item.symbol)}\n${declare(project, item.symbol, folder)}`,
  )
  const hidden = leanedOn(
    project,
    exported.map(({ symbol }) => symbol),
    folder,
  ).filter((symbol) => !shown.has(symbol.id))
  const behind = hidden
    .map((symbol) => `(${symbol.name}): ${kindOf(symbol)}\n${declare(project, symbol, folder)}`)
    .toSorted()
  return `# ${name}\n\n${[...blocks, ...behind].join('\n')}`
}

function follow(checker: Checker, symbol: TsSymbol): TsSymbol {
  return (symbol.flags & SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol)
}

function kindOf(symbol: TsSymbol): string {
  const kinds = {
    class: SymbolFlags.Class,
    function: SymbolFlags.Function,
    interface: SymbolFlags.Interface,
    type: SymbolFlags.TypeAlias,
    const: SymbolFlags.Variable,
  }
  const names = Object.entries(kinds).filter(([, flag]) => (symbol.flags & flag) !== 0)
  if (names.length === 0) throw new Error(`${symbol.name} is of a kind that the snapshot does not know`)
  return names.map(([kind]) => kind).join(' and ')
}

function nodesOf(project: Project, symbol: TsSymbol, folder: string): readonly Node[] {
  return symbol.declarations.flatMap((handle) => {
    const node = handle.resolve(project)
    return node === undefined || relative(folder, node.getSourceFile().fileName).startsWith('..') ? [] : [node]
  })
}

function declare(project: Project, symbol: TsSymbol, folder: string): string {
  const texts = nodesOf(project, symbol, folder).map((node) => normalise(node.getText()))
  if (texts.length === 0) throw new Error(`${symbol.name} is declared outside the package`)
  return texts.map((text) => text.replaceAll(/^/gm, '  ')).join('\n') + '\n'
}

/** Without comments, `export`, `declare` and blank lines. */
function normalise(text: string): string {
  return text
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/^\s*\/\/.*$/gm, '')
    .replace(/^(export )?(declare )?/, '')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .join('\n')
}

/** Types of the package that the declarations of `from` name, and those that these name, … */
function leanedOn(project: Project, from: readonly TsSymbol[], folder: string): readonly TsSymbol[] {
  const found = new Map(from.map((symbol) => [symbol.id, symbol]))
  for (const symbol of found.values()) {
    const names = nodesOf(project, symbol, folder).flatMap((node) => identifiersIn(node))
    for (const used of project.checker.getSymbolAtLocation(names)) {
      if (used === undefined) continue
      const target = follow(project.checker, used)
      const isNamed =
        (target.flags & (SymbolFlags.Class | SymbolFlags.Interface | SymbolFlags.TypeAlias | SymbolFlags.Variable)) !==
        0
      if (isNamed && isTopLevel(project, target, folder)) found.set(target.id, target)
    }
  }
  return [...found.values()]
}

function identifiersIn(node: Node): Node[] {
  if (isIdentifier(node)) return [node]
  const found: Node[] = []
  node.forEachChild((child) => void found.push(...identifiersIn(child)))
  return found
}

const topLevelKinds: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.InterfaceDeclaration,
  SyntaxKind.TypeAliasDeclaration,
  SyntaxKind.ClassDeclaration,
  SyntaxKind.VariableDeclaration,
])

/** Not a parameter or a member. */
function isTopLevel(project: Project, symbol: TsSymbol, folder: string): boolean {
  return nodesOf(project, symbol, folder).some((node) => topLevelKinds.has(node.kind))
}
