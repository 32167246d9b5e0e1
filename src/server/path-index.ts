// Which methods a path takes, for the refusal of all others.

import type { Route } from './route.ts'

export interface PathIndex {
  /** undefined: there is no such path. */
  methodsOf(path: string): readonly string[] | undefined
}

export function createPathIndex(routes: readonly Route[]): PathIndex {
  const patterns = routes.map(({ method, path }) => ({
    method,
    segments: path.split('/'),
  }))
  return {
    methodsOf: (path) => {
      const segments = path.split('/')
      const methods = patterns
        .filter(
          (pattern) =>
            pattern.segments.length === segments.length &&
            pattern.segments.every((segment, index) =>
              segment.startsWith(':') ? segments[index] !== '' : segment === segments[index],
            ),
        )
        .flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
      return methods.length === 0 ? undefined : [...new Set(methods)].toSorted()
    },
  }
}
