// The source tree as TypeScript's own parser and checker see it: what each file imports, how long its functions are,
// which globals it touches, what it runs when imported, where it writes SQL.

import { dirname, join, relative, sep } from 'node:path'
import { type Identifier, type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast'
import {
  isCallExpression,
  isExportDeclaration,
  isFunctionLikeDeclaration,
  isIdentifier,
  isImportDeclaration,
  isImportTypeNode,
  isLiteralTypeNode,
  isNewExpression,
  isNoSubstitutionTemplateLiteral,
  isPropertyAccessExpression,
  isStringLiteral,
  isTaggedTemplateExpression,
  isTemplateExpression,
} from 'typescript/unstable/ast/is'
import { API, type Checker } from 'typescript/unstable/sync'

/** A place in a file; line from 1. */
interface At {
  readonly line: number
}

interface Import extends At {
  readonly specifier: string
  /** Path of the imported file, from the root of the tree; undefined for a package. */
  readonly file: string | undefined
}

export interface Source {
  /** 'base/clock.ts' */
  readonly path: string
  readonly text: string
  readonly lines: number
  readonly imports: readonly Import[]
  readonly functions: readonly (At & { readonly name: string; readonly lines: number })[]
  /** 'process', 'Date.now', 'setTimeout', …: see `watched`. */
  readonly globals: readonly (At & { readonly name: string })[]
  /** Statements at the top of the file that do something. */
  readonly effects: readonly At[]
  /** Uses of the sql tag and its methods, and texts that read like a statement. */
  readonly sql: readonly (At & { readonly text: string })[]
  /** Nothing but `export … from`. */
  readonly isBarrel: boolean
}

/** All files of the project whose tsconfig.json stands in `projectFolder`; paths are relative to `root`. */
export function readSources(projectFolder: string, root: string): readonly Source[] {
  const api = new API({ cwd: projectFolder })
  try {
    const project = api.updateSnapshot({ openProjects: [join(projectFolder, 'tsconfig.json')] }).getProjects()[0]
    if (project === undefined) throw new Error(`No project in ${projectFolder}`)
    return project.rootFiles.map((name) => {
      const file = project.program.getSourceFile(name)
      if (file === undefined) throw new Error(`${name} is not in the program`)
      return readSource(file, project.checker, root)
    })
  } finally {
    api.close()
  }
}

function readSource(file: SourceFile, checker: Checker, root: string): Source {
  const nodes = [...descendants(file)]
  const lineOf = (node: Node): number => lineAt(file.text, node.getStart(file))
  return {
    path: posix(relative(root, file.fileName)),
    text: file.text,
    lines: file.text.replace(/\n$/, '').split('\n').length,
    imports: nodes.flatMap((node) => {
      const specifier = importedBy(node)
      if (specifier === undefined) return []
      const target = specifier.startsWith('.')
        ? posix(relative(root, join(dirname(file.fileName), specifier)))
        : undefined
      return [{ specifier, file: target, line: lineOf(node) }]
    }),
    functions: nodes.filter(isFunctionLikeDeclaration).map((node) => ({
      name: nameOf(node),
      line: lineOf(node),
      lines: lineAt(file.text, node.getEnd()) - lineOf(node) + 1,
    })),
    globals: globalsIn(nodes, file, checker).map(({ name, node }) => ({ name, line: lineOf(node) })),
    effects: file.statements.filter((node) => !declarations.has(node.kind)).map((node) => ({ line: lineOf(node) })),
    sql: nodes.filter(writesSql).map((node) => ({ text: node.getText(file).slice(0, 60), line: lineOf(node) })),
    isBarrel: file.statements.every(
      (statement) => isExportDeclaration(statement) && statement.moduleSpecifier !== undefined,
    ),
  }
}

const declarations: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.ImportDeclaration,
  SyntaxKind.ExportDeclaration,
  SyntaxKind.VariableStatement,
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.ClassDeclaration,
  SyntaxKind.InterfaceDeclaration,
  SyntaxKind.TypeAliasDeclaration,
])

function* descendants(node: Node): Generator<Node> {
  const children: Node[] = []
  node.forEachChild((child) => void children.push(child))
  for (const child of children) {
    yield child
    yield* descendants(child)
  }
}

/** import … from, export … from, import(…), type import(…), require(…), require.resolve(…). */
function importedBy(node: Node): string | undefined {
  if (isImportDeclaration(node) || isExportDeclaration(node)) return textOf(node.moduleSpecifier)
  if (isImportTypeNode(node)) return isLiteralTypeNode(node.argument) ? textOf(node.argument.literal) : undefined
  if (!isCallExpression(node)) return undefined
  const called = node.expression.getText()
  const isImport =
    node.expression.kind === SyntaxKind.ImportKeyword ||
    /(^|\.)require(\.resolve)?$|^import\.meta\.resolve$/.test(called)
  return isImport || /^createRequire\(.*\)(\.resolve)?$/s.test(called) ? textOf(node.arguments[0]) : undefined
}

function textOf(node: Node | undefined): string | undefined {
  return node !== undefined && isStringLiteral(node) ? node.text : undefined
}

function nameOf(node: Node): string {
  const own = (node as { readonly name?: Node }).name ?? (node.parent as { readonly name?: Node }).name
  return own?.getText() ?? '(a function without a name)'
}

/** Globals that reach out of the program, or make it behave otherwise each time. */
const watched = new Set([
  'process',
  'console',
  'performance',
  'Date',
  'Math',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'AbortSignal',
])
const members = new Set(['Date.now', 'performance.now', 'Math.random', 'AbortSignal.timeout'])

function globalsIn(nodes: readonly Node[], file: SourceFile, checker: Checker): { name: string; node: Node }[] {
  const candidates = nodes.filter(
    (node): node is Identifier => isIdentifier(node) && watched.has(node.text) && isRead(node),
  )
  const symbols = checker.getSymbolAtLocation(candidates)
  return candidates.flatMap((node, index) => {
    const symbol =
      node.parent.kind === SyntaxKind.ShorthandPropertyAssignment
        ? checker.getShorthandAssignmentValueSymbol(node.parent)
        : symbols[index]
    const isOwn = symbol?.declarations.some(
      (declaration) => String(declaration.path).toLowerCase() === String(file.path).toLowerCase(),
    )
    const name = isOwn === true ? undefined : describeUse(node)
    return name === undefined ? [] : [{ name, node }]
  })
}

const notReads: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.PropertySignature,
  SyntaxKind.PropertyDeclaration,
  SyntaxKind.MethodSignature,
  SyntaxKind.MethodDeclaration,
  SyntaxKind.TypeReference,
  SyntaxKind.ImportSpecifier,
])

/** Not the name of a member, save `globalThis.…`. */
function isRead(node: Identifier): boolean {
  const { parent } = node
  if (isPropertyAccessExpression(parent) && parent.name === node) return parent.expression.getText() === 'globalThis'
  if (parent.kind === SyntaxKind.PropertyAssignment) return (parent as unknown as { name: Node }).name !== node
  return !notReads.has(parent.kind)
}

function describeUse(node: Identifier): string | undefined {
  const { parent, text } = node
  if (isPropertyAccessExpression(parent) && parent.expression === node) {
    const member = `${text}.${parent.name.getText()}`
    if (members.has(member)) return member
  }
  if (text === 'Date') return parent.kind === SyntaxKind.CallExpression || isArglessNew(parent) ? 'Date' : undefined
  return ['Math', 'performance', 'AbortSignal'].includes(text) ? undefined : text
}

function isArglessNew(node: Node): boolean {
  return isNewExpression(node) && (node.arguments?.length ?? 0) === 0
}

const statementWords =
  /^\s*(select\s.+\sfrom\s|select\s+\w+\(|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|(create|alter|drop)\s+(unique\s+|or\s+replace\s+)?(table|index|schema|view|function|trigger|type|role|database|sequence|extension)\s|truncate\s|lock\s+table\s)/is

function writesSql(node: Node): boolean {
  if (isTaggedTemplateExpression(node)) return /^sql\b/.test(node.tag.getText())
  if (isCallExpression(node)) return /^sql\.\w+$/.test(node.expression.getText())
  const parts =
    isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node)
      ? node.text
      : isTemplateExpression(node)
        ? node.head.text
        : undefined
  return parts !== undefined && statementWords.test(parts)
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

function posix(path: string): string {
  return path.split(sep).join('/')
}
